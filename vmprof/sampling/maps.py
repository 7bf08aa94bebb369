"""What lies at an address of this process: a file, memory without one, or Linux itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vmprof.sampling.elf import Elf, ElfError
from vmprof.sampling.hits import IN_KERNEL, Table
from vmprof.sampling.model import Library

KERNEL = Library("[kernel]", "kernel")
UNKNOWN = Library("[unknown]", "unknown")


class Mapping(NamedTuple):
    """A line of /proc/self/maps; ``path`` may be empty, or a name in brackets."""

    begin: int
    end: int
    offset: int
    device: str
    inode: int
    path: str


def mappings(maps: Path = Path("/proc/self/maps")) -> list[Mapping]:
    """Those with code in them."""
    found = []
    for line in maps.read_text().splitlines():
        addresses, permissions, offset, device, inode, *path = line.split(maxsplit=5)
        if "x" in permissions:
            begin, end = (int(address, 16) for address in addresses.split("-"))
            found.append(
                Mapping(begin, end, int(offset, 16), device, int(inode), "".join(path).strip())
            )
    return found


class Located(NamedTuple):
    """Of each sample the number of its library, and the address there (0 in the kernel)."""

    library: Table
    address: Table


@dataclass
class Libraries:
    """The code that samples were found in, numbered as it comes up.

    Ask while it is mapped: what is closed later keeps its number. ``elves`` are the files that
    can be read, by number.
    """

    known: list[Library] = field(default_factory=list)
    elves: dict[int, Elf] = field(default_factory=dict)
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    def locate(self, hits: Table) -> Located:
        """Where ``hits`` (dtype `HIT`) lie, as the process is mapped now."""
        library = np.full(len(hits), -1)
        address = hits["address"].astype(np.int64, copy=True)
        in_kernel = hits["mode"] == IN_KERNEL
        if in_kernel.any():
            library[in_kernel] = self._number((KERNEL,), KERNEL)
        left = ~in_kernel
        for mapping in mappings() if left.any() else []:
            inside = left & (mapping.begin <= address) & (address < mapping.end)
            if not inside.any():
                continue
            number = self._of(mapping)
            library[inside] = number
            elf = self.elves.get(number)
            if elf is not None:
                address[inside] = elf.address(address[inside] - mapping.begin + mapping.offset)
            left &= ~inside
        if left.any():
            library[left] = self._number((UNKNOWN,), UNKNOWN)
        return Located(library, address)

    def _of(self, mapping: Mapping) -> int:
        if mapping.path == "[vdso]":
            # A library that Linux has put there; it is in one piece.
            return self._number(
                ("[vdso]",), Library("[vdso]", "memory"), lambda: _in_memory(mapping)
            )
        if not mapping.path.startswith("/"):
            name = mapping.path if mapping.path.startswith("[") else "[in memory]"
            return self._number((name,), Library(name, "memory"))
        key = (mapping.path, mapping.device, mapping.inode)
        if key in self._numbers:
            return self._numbers[key]
        elf = _elf_of(mapping)
        build_id = elf.build_id if elf is not None else ""
        return self._number(key, Library(mapping.path, "file", build_id), lambda: elf)

    def _number(
        self,
        key: tuple[object, ...],
        library: Library,
        elf: Callable[[], Elf | None] = lambda: None,
    ) -> int:
        if key not in self._numbers:
            number = self._numbers[key] = len(self.known)
            self.known.append(library)
            found = elf()
            if found is not None:
                self.elves[number] = found
        return self._numbers[key]


def _elf_of(mapping: Mapping) -> Elf | None:
    """The file that is mapped, if it is still there."""
    try:
        path = Path(mapping.path)
        # What has its name now may be another one.
        return Elf.read(path) if path.stat().st_ino == mapping.inode else None
    except (OSError, ElfError):
        return None


def _in_memory(mapping: Mapping) -> Elf | None:
    try:
        with Path("/proc/self/mem").open("rb", buffering=0) as memory:
            return Elf.of(os.pread(memory.fileno(), mapping.end - mapping.begin, mapping.begin))
    except (OSError, ElfError):
        return None
