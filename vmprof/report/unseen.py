"""Work of threads that nobody counted, or that is in no task."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vmprof.runs.layout import CALLER, COUNTED, PROCESS, THREADS
from vmprof.runs.run import Counts
from vmprof.runs.work import Ints
from vmprof.values import Metric

# CPU time of other threads that is worth a word: this much in a call or a run, and this part
# of what was counted there. Where perf events count for many threads, they and the clocks
# are read at times that differ by what the reading takes.
_NOTABLE_NS = 100_000
_NOTABLE_NS_OF_PERF = 10_000_000
_NOTABLE_SHARE = 0.1
_REALTIME_COARSE = 5  # linux/time.h: it advances in ticks
# With less than this in a run, no other thread that was there worked.
_IDLE_NS = 20_000


@dataclass(frozen=True)
class Watched:
    """Some runs' ``counts`` of ``columns``, those of the pass that watches; see counters/cpu.py.

    ``counted`` is the column that has what counters count; every ``tick_ns`` the kernel
    adds what running threads did to the clock of their process.
    """

    columns: Sequence[str]
    counts: Sequence[Counts]
    counted: str
    tick_ns: float = field(default_factory=lambda: 1e9 * time.clock_getres(_REALTIME_COARSE))

    def others(self, known: str) -> Others:
        """CPU time that all threads have beyond the column ``known``."""
        calls = self._others(known, np.array([c.values for c in self.counts]))
        run = self._others(known, np.array([c.total[None] for c in self.counts]))
        return Others(calls[0], bool(run[0][0]), calls[1], int(run[1][0]))

    def _others(self, known: str, values: Ints) -> tuple[Ints, Ints]:
        """Of counts (runs, rows, columns): which rows are worth a word, and how much it is.

        A thread that is held up between two clocks sees work that is not there, but not
        in every run: the least of them counts.
        """
        at = {column: values[:, :, number] for number, column in enumerate(self.columns)}
        beyond = np.maximum(at[THREADS], at[PROCESS] - self._lag()) - at[known]
        least = beyond.min(axis=0)
        limit = _NOTABLE_NS_OF_PERF if known == COUNTED else _NOTABLE_NS
        share = _NOTABLE_SHARE * np.median(at[known], axis=0)
        return (least > limit) & (least > share), least

    def _lag(self) -> float:
        """By how much the clock of the process may be wrong: a tick for each thread that runs."""
        caller, threads = self.columns.index(CALLER), self.columns.index(THREADS)
        own = max(int(c.total[caller]) for c in self.counts)
        others = max(int(c.total[threads] - c.total[caller]) for c in self.counts)
        if others < _IDLE_NS:
            return 0
        return self.tick_ns * min(2 + others // max(own, 1), os.cpu_count() or 1)


@dataclass(frozen=True)
class Others:
    """``calls`` (calls,) and ``run``: whether others worked; and for how many nanoseconds."""

    calls: Ints
    run: bool
    ns: Ints
    run_ns: int

    def __bool__(self) -> bool:
        return self.run or bool(self.calls.any())


def uncounted_work(watched: Watched, names: Sequence[str]) -> Mapping[str, Metric]:
    """A warning for the configuration, if threads worked in calls that were not counted."""
    others = watched.others(watched.counted)
    if not others:
        return {}
    where = np.flatnonzero(others.calls)
    if len(where):
        worst = names[int(where[np.argmax(others.ns[where])])]
        head = f"in {len(where)} of {len(names)} calls, {worst} above all, threads"
        spent = max(int(others.ns[where].sum()), 0)
    else:
        head, spent = "in the run as a whole, threads", others.run_ns
    return {
        "Warning": f"{head} that were not counted spent {spent / 1e3:,.0f} us of CPU time; if that "
        "was work for the model (OpenMP, BLAS), count it with --count inherit or --count process"
    }
