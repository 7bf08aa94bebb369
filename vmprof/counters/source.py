"""Native sources of values, and how their values become columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from vmprof.errors import VmprofError
from vmprof.native import ffi, lib, owned
from vmprof.runs.layout import HEAD_WORDS


class Sample(NamedTuple):
    """One reading: values as counted, and for how long, both since the source was opened.

    Times are in nanoseconds; 0 where the source has none.
    """

    enabled_ns: int
    running_ns: int
    values: tuple[int, ...]

    def since(self, before: Sample) -> Sample:
        return Sample(
            self.enabled_ns - before.enabled_ns,
            self.running_ns - before.running_ns,
            tuple(
                (now - then) % (1 << 64)
                for now, then in zip(self.values, before.values, strict=True)
            ),
        )


class Source:
    """Has a ``vmprof_source``, which ``pointer`` owns; ``columns`` names its values.

    Whoever opened it had it `owned` by ``lib.vmprof_source_close``: so whatever comes before it is
    anybody's closes it.
    """

    def __init__(self, pointer: Any, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._pointer = pointer
        self._sample = ffi.new("uint64_t[]", HEAD_WORDS + len(columns))

    def again(self) -> Source:
        """The same for the calling thread, disabled; :class:`VmprofError` if it does not open."""
        problem = ffi.new("int64_t[2]")
        pointer = owned(lib.vmprof_source_close, lib.vmprof_source_clone, self.pointer, problem)
        if pointer == ffi.NULL:
            event, code = problem
            raise VmprofError(
                f"{self.columns[event]} could not be opened in a thread: {os.strerror(-code)}"
            )
        return Source(pointer, self.columns)

    @property
    def pointer(self) -> Any:
        assert self._pointer is not None, "closed"
        return self._pointer

    def enable(self) -> int:
        """0, or the error number with which it stayed off."""
        return -int(lib.vmprof_source_enable(self.pointer))

    def disable(self) -> int:
        """0, or the error number with which it counted less than it should."""
        return -int(lib.vmprof_source_disable(self.pointer))

    def read(self) -> Sample | None:
        """A reading with its times, or None if it failed."""
        return self._reading(lib.vmprof_source_read)

    def sample(self) -> Sample | None:
        """A reading as windows take it, without times where it needs no system call."""
        return self._reading(lib.vmprof_source_sample)

    def _reading(self, read: Any) -> Sample | None:
        read(self.pointer, ffi.cast("vmprof_sample *", self._sample))
        count, enabled, running, *values = self._sample
        return Sample(enabled, running, tuple(values)) if count == len(values) else None

    def close(self) -> None:
        if self._pointer is not None:
            ffi.release(self._pointer)
            self._pointer = None
