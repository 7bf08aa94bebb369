"""Machine instructions: what each does, as far as it takes to say how code uses the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from vmprof.errors import VmprofError
from vmprof.inside import aarch64, x86_64
from vmprof.inside.code import Function, Machine, MachineCode
from vmprof.inside.traits import Traits


@dataclass(frozen=True)
class Instruction:
    """One instruction, ``size`` bytes from ``address`` on; ``text`` is as assemblers write it."""

    address: int
    size: int
    text: str
    traits: Traits

    @property
    def end(self) -> int:
        return self.address + self.size


class _Known(NamedTuple):
    """Of a kind of machine: capstone's names for it, and who reads its instructions."""

    architecture: str
    mode: str
    traits: Callable[[str, str], Traits]


_KNOWN: Mapping[Machine, _Known] = {
    "x86_64": _Known("CS_ARCH_X86", "CS_MODE_64", x86_64.traits),
    "aarch64": _Known("CS_ARCH_ARM64", "CS_MODE_ARM", aarch64.traits),
}


def instructions(code: MachineCode, function: Function) -> tuple[Instruction, ...]:
    """All instructions of ``function``, one behind the other.

    A byte that is none stands as ``.byte``.
    """
    return _instructions(code.machine, function.address, function.content)


@lru_cache(maxsize=4096)  # reports, pages and columns ask for the same
def _instructions(machine: Machine, address: int, content: bytes) -> tuple[Instruction, ...]:
    try:
        import capstone
    except ImportError as error:
        raise VmprofError("to read machine code takes capstone: pip install capstone") from error

    known = _KNOWN[machine]
    reader = capstone.Cs(getattr(capstone, known.architecture), getattr(capstone, known.mode))
    # What it does not know it takes for data, and goes on behind it.
    reader.skipdata = True
    return tuple(
        Instruction(at, size, f"{name} {operands}".rstrip(), known.traits(name, operands))
        for at, size, name, operands in reader.disasm_lite(content, address)
    )
