"""Samples -> the functions that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vmprof.runs.work import Ints
from vmprof.sampling.hits import Table
from vmprof.sampling.maps import Libraries, Located
from vmprof.sampling.model import Function, Library

_SYMBOLS = Path("/proc/kallsyms")


@dataclass(frozen=True, eq=False)
class Code:
    """What some samples are of: ``function`` has the number of each one's in ``functions``.

    ``address`` has its address as the function's library has it.
    """

    libraries: tuple[Library, ...]
    functions: tuple[Function, ...]
    function: Ints
    address: Ints

    @classmethod
    def of(cls, hits: Table) -> Code:
        """Of ``hits`` (dtype `HIT`), while what they are of is mapped into the process."""
        libraries = Libraries()
        return cls.of_located(libraries, hits["address"], libraries.locate(hits))

    @classmethod
    def of_located(cls, libraries: Libraries, addresses: Table, located: Located) -> Code:
        """Of samples at ``addresses``, which ``libraries`` have ``located``."""
        function = np.zeros(len(addresses), dtype=np.int64)
        address = located.address.copy()
        functions: list[Function] = []
        for library in np.unique(located.library).tolist():
            chosen = np.flatnonzero(located.library == library)
            if libraries.known[library].kind == "kernel":
                names, which = _of_kernel(addresses[chosen])
                found = [Function(library, name) for name in names]
                address[chosen] = 0
            else:
                found, which = _of_library(libraries, library, address[chosen])
            function[chosen] = len(functions) + which
            functions += found
        return cls(tuple(libraries.known), tuple(functions), function, address)


def _of_library(libraries: Libraries, library: int, addresses: Ints) -> tuple[list[Function], Ints]:
    """The functions at ``addresses``, and which of them each is."""
    elf = libraries.elves.get(library)
    if elf is None:
        return [Function(library)], np.zeros(len(addresses), dtype=np.int64)
    symbols, which = np.unique(elf.at(addresses), return_inverse=True)
    functions = [
        Function(library, *elf.symbol(symbol)) if symbol >= 0 else Function(library)
        for symbol in symbols.tolist()
    ]
    return functions, which


def _of_kernel(addresses: Table) -> tuple[list[str], Ints]:
    """Linux' functions at ``addresses``, without names where it hides them; and whose is which."""
    code = []
    for line in _SYMBOLS.read_text().splitlines():
        address, kind, name = line.split()[:3]
        if kind in "tT":
            code.append((int(address, 16), name))
    code.sort()
    begin = np.array([address for address, _ in code], dtype=np.uint64)
    if not begin.any():
        return [""], np.zeros(len(addresses), dtype=np.int64)
    places, which = np.unique(np.searchsorted(begin, addresses, side="right"), return_inverse=True)
    return [code[place - 1][1] if place else "" for place in places.tolist()], which
