"""Counters that a user's shared library reads, inside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.source import Source
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib

_PROBLEM_SIZE = 1024


@dataclass(frozen=True)
class NativeCollector:
    """A shared library that exports a ``vmprof_collector`` (vmprof/include).

    ``claim(column, name)`` is told each of its columns, and may object.
    """

    path: Path
    claim: Callable[[str, str], None] = lambda _column, _name: None

    @property
    def name(self) -> str:
        return self.path.name

    @contextmanager
    def open(self) -> Iterator[Source]:
        """The collector as a source for the calling thread; it counts from here on."""
        problem = ffi.new("char[]", _PROBLEM_SIZE)
        # With a folder in it: a bare name would be searched where libraries are.
        path = str(self.path.resolve()).encode()
        pointer = lib.vmprof_collector_open(path, problem, _PROBLEM_SIZE)
        if pointer == ffi.NULL:
            reason = ffi.string(problem).decode(errors="replace")
            raise VmprofError(f"collector {self.path}: {reason or 'it did not open'}")
        count = lib.vmprof_source_values(pointer)
        names = [
            ffi.string(lib.vmprof_collector_name(pointer, number)).decode(errors="replace")
            for number in range(count)
        ]
        source = Source(pointer, names)
        try:
            for name in names:
                self.claim(name, self.name)
            yield source
        finally:
            source.close()
