"""The threads that take part in the runs of a pass, each with counters of its own."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vmprof.counters.source import Source
from vmprof.native import ffi, lib, owned
from vmprof.runs.faults import LOST

if TYPE_CHECKING:
    from vmprof._native import vmprof_team

_REMEDIES = {errno.EMFILE: "; run: ulimit -n 4096", errno.ENFILE: "; close other programs"}
# What a sampler has besides its event, and what permits more of it.
RING = "the ring buffer of"
MORE_RINGS = "run: sudo sysctl kernel.perf_event_mlock_kb=4096"


class Team:
    """Owns a ``vmprof_team``: the calling thread's ``sources``, and each other thread's.

    Other threads open theirs at their first task. Those stay open until `close`, which comes
    before that of ``sources``. `enable` and `disable` switch all of them.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._columns = [source.columns for source in sources]
        pointers = [source.pointer for source in sources]
        pointer = owned(lib.vmprof_team_release, lib.vmprof_team_new, pointers, len(pointers))
        if pointer == ffi.NULL:
            raise MemoryError
        self._pointer: vmprof_team | None = pointer

    @property
    def pointer(self) -> vmprof_team:
        assert self._pointer is not None, "closed"
        return self._pointer

    def enable(self) -> None:
        lib.vmprof_team_enable(self.pointer)

    def disable(self) -> None:
        lib.vmprof_team_disable(self.pointer)

    def problem(self) -> str | None:
        """Why what was counted since `enable` cannot be used, if so."""
        problem = ffi.new("int64_t[3]")
        kind = lib.vmprof_team_problem(self.pointer, problem)
        source, event, code = problem
        if kind == lib.VMPROF_STAYED_OFF:
            return f"{', '.join(self._columns[source])} stayed off: {os.strerror(-code)}"
        if kind == lib.VMPROF_COUNTED_LESS:
            return LOST if -code == errno.EIO else os.strerror(-code)
        if kind == lib.VMPROF_NOT_OPENED:
            column = self._columns[source][event]
            remedy = f"; {MORE_RINGS}" if column.startswith(RING) else _REMEDIES.get(-code, "")
            return (
                f"{column} could not be opened in a thread of TVM's pool: "
                f"{os.strerror(-code)}{remedy}"
            )
        return None

    def close(self) -> None:
        if self._pointer is not None:
            ffi.release(self._pointer)
            self._pointer = None
