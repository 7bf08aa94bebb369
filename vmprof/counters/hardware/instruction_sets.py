"""A processor as an LLVM target, by what the kernel says of it: without TVM's compiler.

LLVM itself knows more: what a processor is tuned for, and x86 processors by their models. Where it
is there, :func:`vmprof.zoo.lowering.host.this_target` asks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from vmprof.counters.hardware.machine import Machine

# Instruction sets of x86 that decide how kernels are compiled: LLVM's name, the kernel's flag.
X86_FLAGS: Mapping[str, str] = {
    "avx": "avx",
    "fma": "fma",
    "f16c": "f16c",
    "avx2": "avx2",
    "avx512f": "avx512f",
    "avx512bw": "avx512bw",
    "avx512cd": "avx512cd",
    "avx512dq": "avx512dq",
    "avx512vl": "avx512vl",
    "avx512ifma": "avx512ifma",
    "avx512vbmi": "avx512vbmi",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512bitalg": "avx512_bitalg",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avx512bf16": "avx512_bf16",
    "avx512fp16": "avx512_fp16",
    "avxvnni": "avx_vnni",
    "avxifma": "avx_ifma",
    "avxvnniint8": "avx_vnni_int8",
    "avxneconvert": "avx_ne_convert",
    "amx-tile": "amx_tile",
    "amx-int8": "amx_int8",
    "amx-bf16": "amx_bf16",
    "amx-fp16": "amx_fp16",
    "gfni": "gfni",
    "vaes": "vaes",
    "vpclmulqdq": "vpclmulqdq",
}
# The levels of the psABI, the highest first: https://gitlab.com/x86-psABIs/x86-64-ABI
_X86_V2 = frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})
_X86_V3 = _X86_V2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
_X86_V4 = _X86_V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_X86_LEVELS = {
    "x86-64-v4": _X86_V4,
    "x86-64-v3": _X86_V3,
    "x86-64-v2": _X86_V2,
    "x86-64": frozenset[str](),
}

# Of Arm: LLVM's name, and that of the kernel (HWCAP).
_ARM_FLAGS = {
    "lse": "atomics",
    "fullfp16": "asimdhp",
    "dotprod": "asimddp",
    "bf16": "bf16",
    "i8mm": "i8mm",
    "sve": "sve",
    "sve2": "sve2",
    "sme": "sme",
}
# Arm's MIDR register, implementer and part, as LLVM's own Host.cpp names them.
_ARM_PROCESSORS = {
    (0x41, 0xD02): "cortex-a34",
    (0x41, 0xD03): "cortex-a53",
    (0x41, 0xD04): "cortex-a35",
    (0x41, 0xD05): "cortex-a55",
    (0x41, 0xD06): "cortex-a65",
    (0x41, 0xD07): "cortex-a57",
    (0x41, 0xD08): "cortex-a72",
    (0x41, 0xD09): "cortex-a73",
    (0x41, 0xD0A): "cortex-a75",
    (0x41, 0xD0B): "cortex-a76",
    (0x41, 0xD0C): "neoverse-n1",
    (0x41, 0xD0D): "cortex-a77",
    (0x41, 0xD0E): "cortex-a76ae",
    (0x41, 0xD40): "neoverse-v1",
    (0x41, 0xD41): "cortex-a78",
    (0x41, 0xD42): "cortex-a78ae",
    (0x41, 0xD44): "cortex-x1",
    (0x41, 0xD46): "cortex-a510",
    (0x41, 0xD47): "cortex-a710",
    (0x41, 0xD48): "cortex-x2",
    (0x41, 0xD49): "neoverse-n2",
    (0x41, 0xD4A): "neoverse-e1",
    (0x41, 0xD4B): "cortex-a78c",
    (0x41, 0xD4C): "cortex-x1c",
    (0x41, 0xD4D): "cortex-a715",
    (0x41, 0xD4E): "cortex-x3",
    (0x41, 0xD4F): "neoverse-v2",
    (0x41, 0xD80): "cortex-a520",
    (0x41, 0xD81): "cortex-a720",
    (0x41, 0xD82): "cortex-x4",
    (0x41, 0xD83): "neoverse-v3ae",
    (0x41, 0xD84): "neoverse-v3",
    (0x41, 0xD85): "cortex-x925",
    (0x41, 0xD87): "cortex-a725",
    (0x41, 0xD8E): "neoverse-n3",
    (0x43, 0x0A1): "thunderxt88",
    (0x43, 0x0A2): "thunderxt81",
    (0x43, 0x0A3): "thunderxt83",
    (0x43, 0x0AF): "thunderx2t99",
    (0x43, 0x0B8): "thunderx3t110",
    (0x46, 0x001): "a64fx",
    (0x48, 0xD01): "tsv110",
    (0x4E, 0x004): "carmel",
    (0x51, 0x001): "oryon-1",
    (0x51, 0xC00): "falkor",
    (0x51, 0xC01): "saphira",
    (0xC0, 0xAC3): "ampere1",
    (0xC0, 0xAC4): "ampere1a",
    (0xC0, 0xAC5): "ampere1b",
}


@dataclass(frozen=True)
class HostTarget:
    """``text`` is JSON that ``tvm.target.Target`` takes; ``note`` what is less than exact about it.

    Code that is compiled for it runs on the processor, whatever the note says.
    """

    text: str
    note: str = ""


def described_target(machine: Machine, architecture: str) -> HostTarget:
    """The target of ``machine``, whose processors are of the kind ``architecture``."""
    match architecture:
        case "x86_64":
            return _x86(machine)
        case "aarch64":
            return _arm(machine)
    return HostTarget(
        _json(architecture),
        f"of processors of the kind {architecture} vmprof knows no instruction sets: compiled for "
        "what all of them have",
    )


def _x86(machine: Machine) -> HostTarget:
    level = next(name for name, flags in _X86_LEVELS.items() if flags <= machine.flags)
    beyond = [
        f"+{name}"
        for name, flag in X86_FLAGS.items()
        if flag in machine.flags and flag not in _X86_LEVELS[level]
    ]
    return HostTarget(
        _json("x86_64", level, beyond),
        "without TVM's compiler an x86 processor is known by its instruction sets alone: compiled "
        f"for those ({level} and {len(beyond)} more), and tuned for no model",
    )


def _arm(machine: Machine) -> HostTarget:
    kinds = set(machine.processors.values())
    names = {_ARM_PROCESSORS.get((kind.implementer or 0, kind.part or 0)) for kind in kinds}
    name = names.pop() if len(names) == 1 else None
    if name is not None:
        # A kernel or a hypervisor may hide what LLVM derives from the name.
        hidden = [
            f"-{feature}" for feature, flag in _ARM_FLAGS.items() if flag not in machine.flags
        ]
        return HostTarget(_json("aarch64", name, hidden))
    present = [f"+{feature}" for feature, flag in _ARM_FLAGS.items() if flag in machine.flags]
    what = (
        f"its CPUs are of {len(kinds)} kinds"
        if len(kinds) > 1
        else "LLVM's name of the processor is not known"
    )
    return HostTarget(
        _json("aarch64", "generic", present),
        f"{what}: compiled for the instruction sets that it has, and tuned for no model",
    )


def _json(architecture: str, processor: str = "", features: list[str] | None = None) -> str:
    return json.dumps(
        {
            "kind": "llvm",
            "mtriple": f"{architecture}-linux-gnu",
            **({"mcpu": processor} if processor else {}),
            **({"mattr": features} if features else {}),
        }
    )
