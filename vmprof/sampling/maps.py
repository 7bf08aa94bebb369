"""What lies at an address of this process: a file, memory without one, or Linux itself."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from vmprof.runs.work import Ints
from vmprof.sampling.compiled import Compiled, Described
from vmprof.sampling.elf import Elf, ElfError, Symbol
from vmprof.sampling.frames import Frame, Piece, tables
from vmprof.sampling.hits import IN_KERNEL, Table
from vmprof.sampling.memory import Mapping, mappings, own_memory, read
from vmprof.sampling.model import Library

KERNEL = Library("[kernel]", "kernel")
UNKNOWN = Library("[unknown]", "unknown")
IN_MEMORY = "in memory"
# What was compiled in memory, and cannot be named.
_WITHOUT_TABLE = Library(f"[{IN_MEMORY}, no unwinding table]", "memory")
_NOBODYS = Library(f"[{IN_MEMORY}, no module that is known]", "memory")
# What ELF calls the machines whose code is read.
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
# Code that is compiled in memory is smaller by far.
_MOST_BYTES = 1 << 28


class Functions(Protocol):
    """The functions of a library."""

    def at(self, addresses: Ints) -> Ints:
        """The number of the function at each of ``addresses``; -1 where there is none."""

    def symbol(self, number: int) -> Symbol:
        """The function of that number."""

    def content(self, number: int) -> bytes:
        """Its machine code, if that lies in no file."""


class Located(NamedTuple):
    """Of each sample the number of its library, and the address there (0 in the kernel)."""

    library: Table
    address: Table


@dataclass
class Libraries:
    """The code that samples were found in, numbered as it comes up.

    Ask while it is mapped: what is closed later keeps its number. ``functions`` are those of
    libraries, by number, where they can be read. ``describe`` is asked for the modules that were
    compiled in memory when something is found in one.
    """

    describe: Callable[[], Sequence[Described]] = tuple
    known: list[Library] = field(default_factory=list)
    functions: dict[int, Functions] = field(default_factory=dict)
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    def locate(self, hits: Table) -> Located:
        """Where ``hits`` (dtype `HIT`) lie, as the process is mapped now."""
        library = np.full(len(hits), -1)
        address = hits["address"].astype(np.int64, copy=True)
        in_kernel = hits["mode"] == IN_KERNEL
        if in_kernel.any():
            library[in_kernel] = self._number((KERNEL,), KERNEL)
        left = ~in_kernel
        of_process = mappings() if left.any() else []
        modules: Sequence[ModuleInMemory] | None = None
        for mapping in of_process:
            inside = left & (mapping.begin <= address) & (address < mapping.end)
            if not mapping.has_code or not inside.any():
                continue
            left &= ~inside
            if mapping.is_anonymous:
                modules = modules_in_memory(of_process) if modules is None else modules
                library[inside] = self._in_memory(modules, address[inside])
                continue
            number = library[inside] = self._of(mapping)
            elf = self.functions.get(number)
            if isinstance(elf, Elf):
                address[inside] = elf.address(address[inside] - mapping.begin + mapping.offset)
        if left.any():
            library[left] = self._number((UNKNOWN,), UNKNOWN)
        return Located(library, address)

    def _of(self, mapping: Mapping) -> int:
        if mapping.path == "[vdso]":
            # A library that Linux has put there; it is in one piece.
            return self._number(
                ("[vdso]",), Library("[vdso]", "memory"), lambda: _library_in_memory(mapping)
            )
        if not mapping.path.startswith("/"):
            return self._number((mapping.path,), Library(mapping.path, "memory"))
        key = (mapping.path, mapping.device, mapping.inode)
        if key in self._numbers:
            return self._numbers[key]
        elf = _elf_of(mapping)
        build_id = elf.build_id if elf is not None else ""
        return self._number(key, Library(mapping.path, "file", build_id), lambda: elf)

    def _in_memory(self, modules: Sequence[ModuleInMemory], addresses: Ints) -> Ints:
        """The number of the module that each of ``addresses`` is in."""
        found = np.full(len(addresses), -1)
        for module in modules:
            code = module.compiled.code
            inside = (code.begin <= addresses) & (addresses < code.end)
            if inside.any():
                found[inside] = self._of_module(module)
        if (found < 0).any():
            found[found < 0] = self._number((_WITHOUT_TABLE,), _WITHOUT_TABLE)
        return found

    def _of_module(self, module: ModuleInMemory) -> int:
        code = module.compiled.code
        # Another module may lie where one was that is gone.
        key = (IN_MEMORY, code.begin, hashlib.sha256(code.content).digest())
        if key in self._numbers:
            return self._numbers[key]
        machine = MACHINES.get(platform.machine(), "")
        named = module.compiled.named(module.frames, self.describe(), machine)
        if named is None:
            return self._number((_NOBODYS,), _NOBODYS)
        before = sum(isinstance(each, Compiled) for each in self.functions.values())
        name = f"[{IN_MEMORY} {before + 1}]" if before else f"[{IN_MEMORY}]"
        return self._number(key, Library(name, "memory"), lambda: named)

    def _number(
        self,
        key: tuple[object, ...],
        library: Library,
        functions: Callable[[], Functions | None] = lambda: None,
    ) -> int:
        if key not in self._numbers:
            number = self._numbers[key] = len(self.known)
            self.known.append(library)
            found = functions()
            if found is not None:
                self.functions[number] = found
        return self._numbers[key]


def _elf_of(mapping: Mapping) -> Elf | None:
    """The file that is mapped, if it is still there."""
    try:
        path = Path(mapping.path)
        # What has its name now may be another one.
        return Elf.read(path) if path.stat().st_ino == mapping.inode else None
    except (OSError, ElfError):
        return None


def _library_in_memory(mapping: Mapping) -> Elf | None:
    try:
        with own_memory() as memory:
            return Elf.of(read(memory, mapping.begin, mapping.end))
    except (OSError, ElfError):
        return None


class ModuleInMemory(NamedTuple):
    """What was ``compiled`` in memory; ``frames`` in the order of its table."""

    compiled: Compiled
    frames: list[Frame]


def modules_in_memory(of_process: Sequence[Mapping]) -> list[ModuleInMemory]:
    """All modules that were compiled in memory, and have a table for unwinding."""
    anonymous = [each for each in of_process if each.is_anonymous and "r" in each.permissions]
    if not any(each.has_code for each in anonymous):
        return []
    pieces: dict[bool, list[Piece]] = {True: [], False: []}
    try:
        with own_memory() as memory:
            for each in anonymous:
                if "w" not in each.permissions and each.end - each.begin <= _MOST_BYTES:
                    content = read(memory, each.begin, each.end)
                    pieces[each.has_code].append(Piece(each.begin, content))
    except OSError:  # not ours to read, or unmapped since
        return []
    code = pieces[True]
    found = []
    for piece in (*pieces[False], *code):
        for frames in tables(piece, code):
            around = next(each for each in code if each.begin <= frames[0].begin < each.end)
            inside = [frame for frame in frames if around.begin <= frame.begin < around.end]
            found.append(ModuleInMemory(Compiled.of(inside, around), frames))
    return found
