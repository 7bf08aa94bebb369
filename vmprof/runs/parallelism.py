"""How the calls of a timed run used threads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vmprof.runs.work import LAUNCH_SITE, TASK_SITE, Ints, Records, Work


@dataclass(frozen=True)
class Parallelism:
    """Of the run and each call, arrays of shape (1 + calls,), times in nanoseconds.

    ``threads``: how many threads worked on it. ``tasks``: what its launches were divided
    into. ``work``: the time that threads worked, added up. ``longest`` and ``mean``: the
    longest task of each launch, and the mean of its tasks, added up over launches.
    ``waiting``: the launching thread's time in launches, less its own tasks: for handing
    out the work, and for waiting until it is done. ``windows`` tells each task: its
    row, its thread (0 is the calling one), its begin and its end since the run began.
    """

    threads: Ints
    tasks: Ints
    work: Ints
    longest: Ints
    mean: Ints
    waiting: Ints
    windows: Ints

    @classmethod
    def of_records(cls, records: Records, work: Work) -> Parallelism:
        """Of a run in which the clock was read."""
        durations = records["end_ns"] - records["begin_ns"]
        is_task, is_launch = records["site"] == TASK_SITE, records["site"] == LAUNCH_SITE
        launch = records["parent"][is_task]
        of_tasks = durations[is_task]
        count, total, longest, own = (np.zeros(len(records), dtype=np.int64) for _ in range(4))
        np.add.at(count, launch, 1)
        np.add.at(total, launch, of_tasks)
        np.maximum.at(longest, launch, of_tasks)
        by_launcher = records["signature"][is_task] == records["signature"][launch]
        np.add.at(own, launch, of_tasks * by_launcher)
        waiting = (durations - own) * is_launch
        mean = total // np.maximum(count, 1)
        sums = work.sum_of_parts(np.stack([count, longest, mean, waiting], axis=1)).T
        numbers = np.flatnonzero(is_task)
        times = [records[end][is_task] - records["begin_ns"][0] for end in ("begin_ns", "end_ns")]
        windows = np.stack([work.rows_around(numbers), work.threads_of(numbers), *times], axis=1)
        of_rows = work.of(durations[:, None])[:, 0]
        return cls(
            threads=work.threads_of_rows(),
            tasks=sums[0],
            work=of_rows,
            longest=sums[1],
            mean=sums[2],
            waiting=sums[3],
            windows=windows,
        )
