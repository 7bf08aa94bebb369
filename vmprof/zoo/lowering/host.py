"""The processor that code is compiled for."""

from __future__ import annotations

from pathlib import Path

import tvm
from tvm.target import codegen

# What LLVM derives from the model of the processor, but a hypervisor may hide.
_MASKABLE = ("avx", "fma", "avx2", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")


def host_target() -> tvm.target.Target:
    """The processor of this machine, with all the instructions that it has."""
    kind = {
        "kind": "llvm",
        "mtriple": codegen.llvm_get_system_triple(),
        "mcpu": codegen.llvm_get_system_cpu(),
    }
    target = tvm.target.Target(kind)
    present = _cpu_flags()
    if present:
        known = codegen.llvm_get_cpu_features(target)
        hidden = [f"-{flag}" for flag in _MASKABLE if flag in known and flag not in present]
        if hidden:
            target = tvm.target.Target({**kind, "mattr": hidden})
    return target


def vector_lanes(target: tvm.target.Target) -> int:
    """How many float32 a vector register of ``target`` holds; at least 4."""
    return max(int(codegen.llvm_get_vector_width(target)) // 32, 4)


def _cpu_flags() -> frozenset[str]:
    """The flags of an x86 processor as the kernel lists them; none elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()
