"""Samples -> the functions that they are of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vmprof.runs.work import Ints
from vmprof.sampling.hits import Table
from vmprof.sampling.maps import Libraries
from vmprof.sampling.model import Function

_SYMBOLS = Path("/proc/kallsyms")


class Places(NamedTuple):
    """Of each sample the number of its function, and its address in that one's library."""

    function: Ints
    address: Ints


@dataclass(eq=False)
class Code:
    """The ``functions`` that samples were found in, numbered as they come up.

    ``contents`` are the machine code of those that lie in no file, and may be gone at any time.
    """

    libraries: Libraries = field(default_factory=Libraries)
    functions: list[Function] = field(default_factory=list)
    contents: dict[Function, bytes] = field(default_factory=dict)
    _numbers: dict[Function, int] = field(default_factory=dict)

    def find(self, hits: Table) -> Places:
        """Where ``hits`` (dtype `HIT`) are, while that is mapped into the process."""
        library, address = self.libraries.locate(hits)
        function = np.zeros(len(hits), dtype=np.int64)
        for number in np.unique(library).tolist():
            chosen = np.flatnonzero(library == number)
            if self.libraries.known[number].kind == "kernel":
                found, which = self._in_kernel(number, hits["address"][chosen])
                address[chosen] = 0
            else:
                found, which = self._in_library(number, address[chosen])
            function[chosen] = np.array([self._number(each) for each in found])[which]
        return Places(function, address)

    def _number(self, function: Function) -> int:
        number = self._numbers.setdefault(function, len(self.functions))
        if number == len(self.functions):
            self.functions.append(function)
        return number

    def _in_library(self, library: int, addresses: Ints) -> tuple[list[Function], Ints]:
        """The functions at ``addresses``, and which of them each is in."""
        of = self.libraries.functions.get(library)
        if of is None:
            return [Function(library)], np.zeros(len(addresses), dtype=np.int64)
        symbols, which = np.unique(of.at(addresses), return_inverse=True)
        functions = []
        for symbol in symbols.tolist():
            function = Function(library, *of.symbol(symbol)) if symbol >= 0 else Function(library)
            functions.append(function)
            if symbol >= 0 and function not in self.contents and (content := of.content(symbol)):
                self.contents[function] = content
        return functions, which

    def _in_kernel(self, library: int, addresses: Table) -> tuple[list[Function], Ints]:
        begin, names = self._of_kernel
        if not len(begin):
            return [Function(library)], np.zeros(len(addresses), dtype=np.int64)
        after = np.searchsorted(begin, addresses, side="right")
        places, which = np.unique(after, return_inverse=True)
        return [Function(library, names[p - 1] if p else "") for p in places.tolist()], which

    @cached_property
    def _of_kernel(self) -> tuple[Table, list[str]]:
        """Where Linux' functions begin, and their names; nothing where it hides that."""
        code = []
        for line in _SYMBOLS.read_text().splitlines():
            address, kind, name = line.split()[:3]
            if kind in "tT":
                code.append((int(address, 16), name))
        code.sort()
        begin = np.array([address for address, _ in code], dtype=np.uint64)
        return (begin, [name for _, name in code]) if begin.any() else (begin[:0], [])
