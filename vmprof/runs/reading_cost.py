"""What it costs to read CPU time around calls, told apart from what the calls cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vmprof.runs.layout import ReadingCost
from vmprof.runs.work import LAUNCH_SITE, RUN_SITE, TASK_SITE, Ints, Records


@dataclass(frozen=True)
class Spent:
    """Nanoseconds of each record that went into readings, of its CPU time and its time."""

    cpu: Ints
    time: Ints

    @classmethod
    def of_records(cls, records: Records, cost: ReadingCost) -> Spent:
        """Every record is read around, but for the tasks of a thread that launches itself.

        Its window shows a part of that; windows around it, on the same thread, all of it.
        """
        sites, parents, threads = records["site"], records["parent"], records["signature"]
        is_task = sites == TASK_SITE
        is_own_task = is_task & (threads == threads[parents])
        is_workers_task = is_task & ~is_own_task
        inside = np.zeros(len(records), dtype=np.int64)
        above = parents[~is_task & (sites != RUN_SITE)]
        while len(above):
            np.add.at(inside, above, 1)
            above = parents[above[~is_workers_task[above]]]
            above = above[above >= 0]
        # Of a launch the waiting alone is read, of an own task nothing (native/recorder.h).
        inside[is_own_task | (sites == LAUNCH_SITE)] = 0
        time = inside * cost.whole
        return cls(time + cost.inside * ~is_own_task, time)
