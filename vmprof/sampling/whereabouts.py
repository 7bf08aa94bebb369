"""What a thread was doing at a time: the records of a run as a line of time for each thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vmprof.runs.work import ACTIVATION_SITE, LAUNCH_SITE, RUN_SITE, TASK_SITE, Ints, Records, Work

# No row: between runs, or on a worker between its tasks.
OUTSIDE = -1


@dataclass(frozen=True)
class _Line:
    """From each of ``times`` on until the next, a thread worked for the row in ``rows``."""

    times: Ints
    rows: Ints

    @classmethod
    def of(cls, begin: Ints, end: Ints, inside: Ints, around: Ints) -> _Line:
        """Of windows that lie inside one another, or apart, in the order of their beginnings.

        During each the thread works for the row ``inside``, behind it for ``around``.
        """
        lasting = np.flatnonzero(end > begin)
        begin, end, inside, around = (each[lasting] for each in (begin, end, inside, around))
        number = np.arange(len(begin))
        times = np.concatenate([end, begin])
        rows = np.concatenate([around, inside])
        # At one time the inner window ends before the outer one, and one begins behind another.
        is_begin = np.repeat([0, 1], len(begin))
        order = np.lexsort((np.concatenate([-number, number]), is_begin, times))
        return cls(times[order], rows[order])

    def at(self, times: Ints) -> Ints:
        """The row at each of ``times``."""
        place = np.searchsorted(self.times, times, side="right") - 1
        found: Ints = np.where(place >= 0, np.append(self.rows, OUTSIDE)[place], OUTSIDE)
        return found


class Whereabouts:
    """Of the threads that did something in the runs of ``records``, with the clock read.

    These are of one thread that runs, each run's own record first. Rows are those of
    :class:`~vmprof.runs.work.Work`: of the runs and of their calls. What virtual machines do
    between the calls is in the row of the run, also where a call had begun it.
    """

    def __init__(self, records: Records) -> None:
        work = Work(records)
        sites, threads = records["site"], records["signature"]
        self._runs = np.flatnonzero(sites[work.rows] == RUN_SITE)
        rows = np.full(len(records), OUTSIDE)
        rows[work.rows] = np.arange(len(work.rows))
        inner = work.rows_around(np.arange(len(records)))
        is_activation = sites == ACTIVATION_SITE
        # Of the run that each record is in.
        run = np.cumsum(sites == RUN_SITE) - 1
        inside = np.where(rows >= 0, rows, inner)
        inside[is_activation] = self._runs[run[is_activation]]
        parent = records["parent"]
        around = np.where(parent >= 0, inside[parent], OUTSIDE)
        # A task of the thread that launches lies inside the launch: it is in the same row.
        self.caller = int(threads[0]) if len(records) else 0
        of_caller = ~np.isin(sites, (TASK_SITE, LAUNCH_SITE))
        self._lines: dict[int, _Line] = {}
        for thread in (self.caller, *np.unique(threads[sites == TASK_SITE]).tolist()):
            if thread in self._lines:
                continue
            own = of_caller if thread == self.caller else (sites == TASK_SITE) & (threads == thread)
            after = around[own] if thread == self.caller else np.full(int(own.sum()), OUTSIDE)
            begin, end = records["begin_ns"][own], records["end_ns"][own]
            self._lines[thread] = _Line.of(begin, end, inside[own], after)

    def rows(self, threads: Ints, times: Ints) -> Ints:
        """The row that each of ``threads`` worked for at one of ``times``; or :data:`OUTSIDE`."""
        found = np.full(len(times), OUTSIDE)
        for thread, line in self._lines.items():
            of_thread = threads == thread
            found[of_thread] = line.at(times[of_thread])
        return found
