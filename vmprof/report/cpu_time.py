"""CPU time of calls and of the run, beside the time of the same runs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from vmprof.report.estimator import mean_of, middle_half
from vmprof.runs.layout import ReadingCost
from vmprof.runs.run import Run
from vmprof.runs.work import Ints
from vmprof.values import Derived, Duration, Metric

CPU_TIME, BESIDE = "CPU time (us)", "Time beside CPU time (us)"

# A reading differs by some percent from what it was found to cost.
_LEAST_COSTS = 2

CPU_METRICS = (Derived("CPUs used", "cpu / time", "ratio", {"cpu": CPU_TIME, "time": BESIDE}),)


def cpu_cells(
    runs: Sequence[Run], groups: Sequence[Hashable], cost: ReadingCost
) -> list[dict[str, Metric]]:
    """CPU time of the run, then of each call without those inside, and the time that it took.

    ``runs`` read the clock and the CPU clock in the same windows; what that cost is taken
    off already. Nothing is said of what is so short that this was more than half of it;
    calls of one of ``groups`` are so together.
    """
    cells: list[dict[str, Metric]] = [{} for _ in range(1 + len(groups))]
    if not runs:
        return cells
    cpu = np.array([_of_run_and_calls(run, _cpu_ns(run)) for run in runs])
    time = np.array([_of_run_and_calls(run, _time_ns(run)) for run in runs])
    kept = middle_half(time[:, 0])
    least, typical = _LEAST_COSTS * cost.whole, time[kept].mean(axis=0).tolist()
    told = [typical[0] >= least * len(groups), *_longer_than(least, typical[1:], groups)]
    for row in np.flatnonzero(told).tolist():
        for column, values in ((CPU_TIME, cpu[:, row]), (BESIDE, time[:, row])):
            # A call that waits has next to none, and what is taken off is a mean.
            microseconds = [Duration(max(value, 0) / 1e3) for value in values.tolist()]
            cells[row] |= mean_of(column, microseconds, kept)
    return cells


def _longer_than(least: float, times: Sequence[float], groups: Sequence[Hashable]) -> list[bool]:
    """Whether each call is of a group whose mean is at least that."""
    of_groups: dict[Hashable, list[float]] = {}
    for group, time in zip(groups, times, strict=True):
        of_groups.setdefault(group, []).append(time)
    means = {group: sum(each) / len(each) for group, each in of_groups.items()}
    return [means[group] >= least for group in groups]


def _cpu_ns(run: Run) -> Ints:
    assert run.counts is not None
    return np.concatenate([run.counts.total[:1], run.counts.values[:, 0]])


def _time_ns(run: Run) -> Ints:
    assert run.durations_ns is not None
    return np.concatenate([[run.total_ns], run.durations_ns])


def _of_run_and_calls(run: Run, values: Ints) -> Ints:
    return np.concatenate([values[:1], run.exclusive(values[1:])])
