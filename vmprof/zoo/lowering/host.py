"""The processor that code is compiled for."""

from __future__ import annotations

import tvm
from tvm.target import codegen

from vmprof.counters.hardware.instruction_sets import X86_FLAGS, HostTarget, described_target
from vmprof.counters.hardware.machine import Machine
from vmprof.program.architecture import architecture_of, this_architecture
from vmprof.zoo.compiler_half import has_compiler


def host_target() -> tvm.target.Target:
    """The processor of this machine, with all the instructions that it has."""
    kind = {
        "kind": "llvm",
        "mtriple": codegen.llvm_get_system_triple(),
        "mcpu": codegen.llvm_get_system_cpu(),
    }
    target = tvm.target.Target(kind)
    present = Machine.read().flags
    if present and architecture_of(kind["mtriple"]) == "x86_64":
        # What LLVM derives from the model of the processor, but a hypervisor may hide.
        known = codegen.llvm_get_cpu_features(target)
        hidden = [
            f"-{name}" for name, flag in X86_FLAGS.items() if name in known and flag not in present
        ]
        if hidden:
            target = tvm.target.Target({**kind, "mattr": hidden})
    return target


def this_target() -> HostTarget:
    """The target of this machine as text: :func:`host_target`, or without TVM's compiler a guess.

    It is a careful one: code that is compiled for it runs here.
    """
    if has_compiler():
        return HostTarget(str(host_target()))
    return described_target(Machine.read(), this_architecture())


def vector_lanes(target: tvm.target.Target) -> int:
    """How many float32 a vector register of ``target`` holds; at least 4.

    TVM's own answer is 16 for all x86 processors.
    """
    if architecture_of(str(target.attrs.get("mtriple", ""))) in ("x86_64", "i686"):
        features = codegen.llvm_get_cpu_features(target)
        return 16 if "avx512f" in features else 8 if "avx" in features else 4
    return max(int(codegen.llvm_get_vector_width(target)) // 32, 4)
