"""Counters that a user's shared library reads, inside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmprof.counters.source import Source
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib, owned

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
        source = _CollectorSource.opened(self.path)
        try:
            for name in source.columns:
                self.claim(name, self.name)
            yield source
        finally:
            source.close()


class _CollectorSource(Source):
    """What the library at ``path`` reads."""

    def __init__(self, pointer: Any, columns: Sequence[str], path: Path) -> None:
        super().__init__(pointer, columns)
        self._path = path

    @classmethod
    def opened(cls, path: Path) -> Source:
        problem = ffi.new("char[]", _PROBLEM_SIZE)
        # With a folder in it: a bare name would be searched where libraries are.
        name = str(path.resolve()).encode()
        pointer = owned(
            lib.vmprof_source_close, lib.vmprof_collector_open, name, problem, _PROBLEM_SIZE
        )
        if pointer == ffi.NULL:
            reason = ffi.string(problem).decode(errors="replace")
            raise VmprofError(f"collector {path}: {reason or 'it did not open'}")
        count = lib.vmprof_source_values(pointer)
        names = [
            ffi.string(lib.vmprof_collector_name(pointer, number)).decode(errors="replace")
            for number in range(count)
        ]
        return cls(pointer, names, path)

    def again(self) -> Source:
        return self.opened(self._path)
