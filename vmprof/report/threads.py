"""What the report says of threads: columns, their parts, and work that nobody counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vmprof.counters.cpu import CPU, KNOWN, PROCESS
from vmprof.parallelism import Parallelism
from vmprof.recording import Counts
from vmprof.report.median import median_of
from vmprof.report.model import (
    PER_THREAD_SUFFIX,
    TASKS,
    Count,
    Derived,
    Duration,
    Metric,
    Row,
    Samples,
)
from vmprof.work import Ints

_THREAD_TIME, _WORK = "Thread time (us)", "Work (us)"
_LONGEST, _MEAN = "Longest tasks (us)", "Mean tasks (us)"

# What is computed from the columns below, also for rows that are merged or summed.
THREAD_METRICS = (
    Derived(
        "Threads",
        "thread_time / duration",
        "ratio",
        {"thread_time": _THREAD_TIME, "duration": "Duration (us)"},
    ),
    Derived(
        "Parallel efficiency",
        "work / thread_time",
        "percent",
        {"work": _WORK, "thread_time": _THREAD_TIME},
    ),
    Derived("Imbalance", "longest / mean", "ratio", {"longest": _LONGEST, "mean": _MEAN}),
)

# CPU time of other threads that is worth a word: this much in a call, and this part of
# what was counted there. Without a look at each thread's own clock, the time of the
# process is as old as the last tick of the CPU that it runs on: at most 10 ms.
_NOTABLE_NS = 100_000
_NOTABLE_NS_BY_TICKS = 20_000_000
_NOTABLE_SHARE = 0.1


def thread_columns(
    runs: Sequence[Parallelism], durations: Ints, cpu: Sequence[Counts]
) -> list[Row]:
    """How the run, then each call, used threads.

    ``durations``, in nanoseconds, has shape (runs, 1 + calls); ``cpu`` are counts of
    the pass for CPU time. Values are medians; see :class:`Parallelism`.
    """
    rows: list[Row] = []
    for row in range(durations.shape[1]):
        columns: dict[str, list[Metric]] = {
            "Tasks": [Count(int(run.tasks[row])) for run in runs],
            _WORK: _durations([run.work[row] for run in runs]),
            _THREAD_TIME: _durations(
                [
                    run.threads[row] * duration
                    for run, duration in zip(runs, durations[:, row], strict=True)
                ]
            ),
            _LONGEST: _durations([run.longest[row] for run in runs]),
            _MEAN: _durations([run.mean[row] for run in runs]),
            "Wait and launch (us)": _durations([run.waiting[row] for run in runs]),
            "CPU time (us)": _durations(
                [c.total[0] if row == 0 else c.values[row - 1, 0] for c in cpu]
            ),
        }
        cells: dict[str, Metric] = {}
        for column, values in columns.items():
            if values:
                cells |= median_of(column, values)
        rows.append(cells)
    return rows


def _durations(nanoseconds: Sequence[int]) -> list[Metric]:
    return [Duration(float(each) / 1e3) for each in nanoseconds]


def task_cells(tasks_ns: Ints | None) -> Mapping[int, Mapping[str, Metric]]:
    """When the tasks of each call were, by row; nothing if the calling thread did them all."""
    if tasks_ns is None or not tasks_ns[:, 1].any():
        return {}
    numbers: dict[int, list[float]] = {}
    for row, thread, begin, end in tasks_ns.tolist():
        numbers.setdefault(row, []).extend((thread, begin / 1e3, end / 1e3))
    return {row: {TASKS: Samples(tuple(each))} for row, each in numbers.items()}


def uncounted_work(
    columns: Sequence[str], cpu: Sequence[Counts], names: Sequence[str]
) -> str | None:
    """A warning, if threads that were not counted worked while calls were running.

    ``cpu`` are counts of ``columns`` in the pass for CPU time, ``names`` those of the
    calls.
    """
    if not cpu:
        return None
    at = {column: number for number, column in enumerate(columns)}
    known = at.get(KNOWN, at[CPU])
    limit = _NOTABLE_NS if KNOWN in at else _NOTABLE_NS_BY_TICKS
    # A thread that is held up between two clocks sees work that is not there, but not
    # in every run.
    values = np.array([c.values for c in cpu])
    others = np.min(values[:, :, at[PROCESS]] - values[:, :, known], axis=0)
    counted = np.median(values[:, :, at[CPU]], axis=0)
    notable = (others > limit) & (others > _NOTABLE_SHARE * counted)
    if not notable.any():
        return None
    where = np.flatnonzero(notable)
    worst = names[int(where[np.argmax(others[where])])]
    return (
        f"in {len(where)} of {len(names)} calls, {worst} above all, threads that were not counted "
        f"spent {others[where].sum() / 1e3:,.0f} us of CPU time; if that was work for the model "
        "(OpenMP, BLAS), count it with --count inherit or --count process"
    )


def per_thread(
    column: str, number: int, counts: Sequence[Counts]
) -> Mapping[int, Mapping[str, Metric]]:
    """What each thread did, by row, of the calls that ran in parallel.

    ``counts`` are of several runs, in which the column has this ``number``. A row has the
    parts of the run that its median is from; they add up to it. Threads are in the same
    order in every row, the calling one first.
    """
    parts = [c.by_thread for c in counts if c.by_thread is not None]
    if not parts:
        return {}
    # All runs are of one thread, and so are their callers.
    threads = np.array(sorted({t for p in parts for t in p.threads[1:].tolist()}))
    cells: dict[int, Mapping[str, Metric]] = {}
    for row in sorted({row for p in parts for row in p.rows.tolist()}):
        order = np.argsort([c.values[row, number] for c in counts], kind="stable")
        middle = counts[int(order[(len(counts) - 1) // 2])]
        values = np.zeros(1 + len(threads), dtype=np.int64)
        of_run = middle.by_thread
        if of_run is not None and row in of_run.rows:
            at = [0, *(1 + np.searchsorted(threads, of_run.threads[1:]))]
            values[at] = of_run.values[np.searchsorted(of_run.rows, row), :, number]
        else:
            values[0] = middle.values[row, number]
        cells[row] = {f"{column}{PER_THREAD_SUFFIX}": Samples(tuple(map(float, values.tolist())))}
    return cells
