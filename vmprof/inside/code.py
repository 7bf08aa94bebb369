"""Machine code of some functions, as it is kept with a report: so that it can be looked into
where the library is gone, on any machine.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

from msgspec import Struct, field, structs

# What code was compiled for, as ``uname -m`` has it.
Machine = Literal["x86_64", "aarch64"]
NO_LINE = 0


class Function(Struct, frozen=True):
    """A function: ``content`` is its machine code, which lies from ``address`` on.

    ``lines`` are pairs of an address and a line: what lies there, and up to the next of them,
    was made of that line; :data:`NO_LINE` where nobody knows. Addresses are those of the file,
    as objdump prints them. ``name`` is empty where the library has no symbol for it.
    """

    name: str
    address: int
    content: bytes
    lines: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        return self.address + len(self.content)

    @property
    def shown(self) -> str:
        """What it is called, whether or not it has a name."""
        return self.name or f"code at {self.address:#x}"


class MachineCode(Struct, frozen=True):
    """Functions of one library, in the order of their addresses.

    ``text`` has the lines that code was made of, by number, whole kernels of them; empty where
    they are not known. ``vector_bits`` is how wide the scalable vectors (SVE) of the machine
    are that it ran on; 0 where it has none.
    """

    path: str
    build_id: str
    machine: Machine
    functions: tuple[Function, ...]
    text: Mapping[int, str] = field(default_factory=dict)
    vector_bits: int = 0

    def part(self, begins: Container[int]) -> MachineCode | None:
        """The functions that begin there, and the kernels they were made of; None if none does."""
        functions = tuple(each for each in self.functions if each.address in begins)
        lines = {line for function in functions for _, line in function.lines}
        kernels = (kernel for kernel in kernels_of(self.text) if not lines.isdisjoint(kernel))
        text = {number: self.text[number] for kernel in kernels for number in kernel}
        return structs.replace(self, functions=functions, text=text) if functions else None

    def at(self, address: int) -> Function | None:
        """The function that ``address`` lies in."""
        return next((f for f in self.functions if f.address <= address < f.end), None)


def kernels_of(text: Mapping[int, str]) -> list[range]:
    """The lines of each kernel in ``text``: runs of numbers without a gap between them."""
    firsts = sorted(number for number in text if number - 1 not in text)
    lasts = sorted(number for number in text if number + 1 not in text)
    return [range(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]
