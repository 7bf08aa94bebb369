"""Samplers of threads that do no tasks of TVM's: those of other pools (OpenMP, a BLAS)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.native import ffi, lib
from vmprof.sampling.hits import HIT, Found, Missed

_THREADS = Path("/proc/self/task")
# Each has a descriptor, and a ring in memory that is not swapped out.
_MOST = 64


class Sampled(NamedTuple):
    """A thread that is sampled: a team of its own, in which nobody else takes part."""

    team: Team
    sources: Sequence[Source]

    def close(self) -> None:
        self.team.close()
        for source in self.sources:
            source.close()


def take_hits(team: Any) -> Found:
    """What the samplers of a ``vmprof_team`` keep, which they give away."""
    hits = np.zeros(lib.vmprof_team_hits(team), dtype=HIT)
    missed = ffi.new("vmprof_missed *")
    lib.vmprof_team_take_hits(team, ffi.cast("vmprof_hit *", hits.ctypes.data), missed)
    return Found(hits, Missed(missed.lost, missed.throttled))


@dataclass
class Others:
    """The threads of this process but the calling one and those of the team at ``pool``.

    ``open_on`` opens the samplers of a thread, none if it has ended, or says why not. Threads that
    begin later are found by the next `enable`. The first one finds none: TVM's workers are told
    from others by having done a task.
    """

    pool: Any
    open_on: Callable[[int], Sequence[Source] | str]
    refused: str = ""
    _open: dict[int, Sampled] = field(default_factory=dict)  # by Linux' number of the thread
    _not_open: set[int] = field(default_factory=set)
    _is_first: bool = True

    def enable(self) -> None:
        """Before a run."""
        if self._is_first:
            self._is_first = False
            return
        self._find()
        for each in self._open.values():
            each.team.enable()

    def disable(self) -> None:
        """After it."""
        for each in self._open.values():
            each.team.disable()

    def take(self) -> Found:
        """What was found since the last time. Threads have the numbers that Linux gave them."""
        found = [Found(np.zeros(0, HIT), Missed())]
        for number, each in self._open.items():
            found.append(take_hits(each.team.pointer))
            found[-1].hits["thread"] = number
        missed = sum((each.missed for each in found), Missed())
        return Found(np.concatenate([each.hits for each in found]), missed)

    def _find(self) -> None:
        there = {int(each.name) for each in _THREADS.iterdir()} - {threading.get_native_id()}
        there = {each for each in there if not lib.vmprof_team_has(self.pool, each)}
        for gone in self._open.keys() - there:
            self._open.pop(gone).close()
        for number in sorted(there - self._open.keys() - self._not_open):
            opened = self.open_on(number) if len(self._open) < _MOST else f"{_MOST} is the most"
            if isinstance(opened, str):
                self._not_open.add(number)
                self.refused = self.refused or opened
            elif opened:
                self._open[number] = Sampled(Team(opened), opened)

    def told(self) -> str:
        """For the reader of a report; empty if all of them are sampled."""
        number = len(self._not_open)
        which = "thread is" if number == 1 else "threads are"
        return f"{number} other {which} not sampled: {self.refused}" if number else ""

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
