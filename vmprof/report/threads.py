"""What the report says of threads: columns, their parts, and work that nobody counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vmprof.counters.cpu import CPU, KNOWN, PROCESS
from vmprof.recording import Counts, Recording
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

_TASKS, _CPU_TIME, _WAITING = "Tasks", "CPU time (us)", "Wait and launch (us)"
_THREAD_TIME, _WORK = "Thread time (us)", "Work (us)"
_LONGEST, _MEAN = "Longest tasks (us)", "Mean tasks (us)"
THREAD_COLUMNS = (_TASKS, _WORK, _THREAD_TIME, _LONGEST, _MEAN, _WAITING, _CPU_TIME)

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
# what was counted there. Where perf events count for many threads, they and the clocks
# are read at times that differ by what the reading takes.
_NOTABLE_NS = 100_000
_NOTABLE_NS_OF_PERF = 10_000_000
_NOTABLE_SHARE = 0.1


def thread_cells(
    runs: Sequence[Recording], typical: Recording, cpu: Sequence[Counts], *, columns: bool
) -> list[Row]:
    """What rows say of threads, first the run as a whole: when tasks were done, in ``typical``.

    With ``columns`` also how threads were used; see :func:`_columns`.
    """
    rows: list[dict[str, Metric]] = [{} for _ in range(1 + len(typical.sites))]
    if columns:
        rows = _columns(runs, cpu)
    for row, windows in _task_windows(typical).items():
        rows[1 + row][TASKS] = Samples(windows)
    return [*rows]


def _columns(runs: Sequence[Recording], cpu: Sequence[Counts]) -> list[dict[str, Metric]]:
    """How the run, then each call, used threads, without the calls inside it.

    ``runs`` are timed runs of the same calls; ``cpu`` are counts of the pass for CPU
    time. Values are medians; see :class:`vmprof.parallelism.Parallelism`.
    """
    columns: dict[str, list[Ints]] = {name: [] for name in THREAD_COLUMNS}
    for run in runs:
        used, durations = run.parallelism, run.durations_ns
        assert used is not None
        assert durations is not None
        total = np.array([run.total_ns])
        columns[_TASKS].append(_own(used.tasks, run))
        columns[_WORK].append(_own(used.work, run))
        times = np.concatenate([total, run.own(durations)])
        columns[_THREAD_TIME].append(used.threads * times)
        columns[_LONGEST].append(_own(used.longest, run))
        columns[_MEAN].append(_own(used.mean, run))
        columns[_WAITING].append(_own(used.waiting, run))
    for counts in cpu:
        of_all = np.concatenate([counts.total[:1], counts.values[:, 0]])
        columns[_CPU_TIME].append(_own(of_all, runs[0]))
    rows: list[dict[str, Metric]] = []
    for row in range(1 + len(runs[0].sites)):
        cells: dict[str, Metric] = {}
        for column, values in columns.items():
            if values:
                cells |= median_of(column, _metrics(column, [int(each[row]) for each in values]))
        rows.append(cells)
    return rows


def _own(values: Ints, run: Recording) -> Ints:
    """Of the run, as they are, and of its calls without those inside."""
    return np.concatenate([values[:1], run.own(values[1:])])


def _metrics(column: str, values: Sequence[int]) -> list[Metric]:
    if column == _TASKS:
        return [Count(value) for value in values]
    return [Duration(value / 1e3) for value in values]


def _task_windows(run: Recording) -> Mapping[int, tuple[float, ...]]:
    """By row: thread, begin and end, in microseconds, of each of its tasks in turn."""
    cells: dict[int, tuple[float, ...]] = {}
    if run.parallelism is not None:
        for row, thread, begin, end in run.parallelism.windows.tolist():
            if row > 0:
                cells[row - 1] = (*cells.get(row - 1, ()), float(thread), begin / 1e3, end / 1e3)
    return cells


def uncounted_work(
    columns: Sequence[str], cpu: Sequence[Counts], names: Sequence[str]
) -> dict[str, Metric]:
    """A warning for the configuration, if threads worked in calls that were not counted.

    ``cpu`` are counts of ``columns`` in the pass for CPU time, ``names`` those of the
    calls.
    """
    if not cpu:
        return {}
    at = {column: number for number, column in enumerate(columns)}
    known = at.get(KNOWN, at[CPU])
    limit = _NOTABLE_NS if KNOWN in at else _NOTABLE_NS_OF_PERF
    # A thread that is held up between two clocks sees work that is not there, but not
    # in every run.
    values = np.array([c.values for c in cpu])
    others = np.min(values[:, :, at[PROCESS]] - values[:, :, known], axis=0)
    counted = np.median(values[:, :, at[CPU]], axis=0)
    notable = (others > limit) & (others > _NOTABLE_SHARE * counted)
    if not notable.any():
        return {}
    where = np.flatnonzero(notable)
    worst = names[int(where[np.argmax(others[where])])]
    return {
        "Warning": f"in {len(where)} of {len(names)} calls, {worst} above all, threads that were "
        f"not counted spent {others[where].sum() / 1e3:,.0f} us of CPU time; if that was work for "
        "the model (OpenMP, BLAS), count it with --count inherit or --count process"
    }


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
