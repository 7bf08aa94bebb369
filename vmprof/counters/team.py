"""The threads that take part in the runs of a pass, each with counters of its own."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from vmprof.counters.source import Source
from vmprof.native import ffi, lib


class Team:
    """Owns a ``vmprof_team``: ``sources``, opened again by each thread that does a task.

    They are opened at a thread's first task and stay open until `close`, which comes
    before that of ``sources``. `enable` and `disable` switch those of all threads but
    the calling one.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._columns = [source.columns for source in sources]
        self._pointer = lib.vmprof_team_new([s.pointer for s in sources], len(sources))
        if self._pointer == ffi.NULL:
            raise MemoryError

    @property
    def pointer(self) -> object:
        assert self._pointer is not None, "closed"
        return self._pointer

    def enable(self) -> None:
        lib.vmprof_team_enable(self.pointer)

    def disable(self) -> None:
        lib.vmprof_team_disable(self.pointer)

    def problem(self) -> str | None:
        """Why a thread could not count, if so."""
        problem = ffi.new("int64_t[3]")
        if not lib.vmprof_team_problem(self.pointer, problem):
            return None
        source, event, code = problem
        remedy = {errno.EMFILE: "; run: ulimit -n 4096", errno.ENFILE: "; close other programs"}
        return (
            f"{self._columns[source][event]} could not be opened in a thread of TVM's pool: "
            f"{os.strerror(-code)}{remedy.get(-code, '')}"
        )

    def close(self) -> None:
        if self._pointer is not None:
            lib.vmprof_team_release(self._pointer)
            self._pointer = None
