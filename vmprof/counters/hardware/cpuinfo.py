"""Processors as /proc/cpuinfo names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# "CPU implementer" of Arm's MIDR register, as far as servers, boards and laptops go.
_IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0xC0: "Ampere",
}
_MAX_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Processor:
    """Which processor one logical CPU is.

    x86 has ``family``, ``model`` and ``stepping``, Arm ``implementer`` and
    ``part``; what a processor does not have is None.
    """

    vendor: str = ""
    model_name: str = ""
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    implementer: int | None = None
    part: int | None = None


def parse_cpuinfo(text: str) -> tuple[Mapping[int, Processor], frozenset[str]]:
    """Each logical CPU's processor, and the flags (Arm: features) of the first."""
    processors: dict[int, Processor] = {}
    flags: frozenset[str] = frozenset()
    for block in text.split("\n\n"):
        fields = _fields(block)
        cpu = _integer(fields.get("processor"))
        if cpu is None:
            continue
        processors[cpu] = _processor(fields)
        flags = flags or frozenset((fields.get("flags") or fields.get("Features") or "").split())
    return processors, flags


def _fields(block: str) -> dict[str, str]:
    lines = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _processor(fields: Mapping[str, str]) -> Processor:
    implementer = _integer(fields.get("CPU implementer"))
    arm = "" if implementer is None else _IMPLEMENTERS.get(implementer, f"{implementer:#x}")
    return Processor(
        vendor=fields.get("vendor_id") or arm,
        model_name=fields.get("model name", ""),
        family=_integer(fields.get("cpu family")),
        model=_integer(fields.get("model")),
        stepping=_integer(fields.get("stepping")),
        implementer=implementer,
        part=_integer(fields.get("CPU part")),
    )


def _integer(text: str | None) -> int | None:
    try:
        return None if text is None or len(text) > _MAX_DIGITS else int(text, 0)
    except ValueError:
        return None
