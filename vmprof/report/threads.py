"""What the report says of threads: columns, their parts, and work that nobody counted."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from vmprof.report.cpu_time import BESIDE, CPU_TIME
from vmprof.report.estimator import mean_of, rounded_means
from vmprof.report.unseen import Others, Watched
from vmprof.runs.layout import TEAM
from vmprof.runs.run import Counts, Run
from vmprof.runs.work import Ints
from vmprof.values import (
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    TASKS,
    Count,
    Derived,
    Duration,
    Metric,
    Row,
    Samples,
)

_TASKS, _WAITING = "Tasks", "Wait and launch (us)"
_THREAD_TIME, _WORK = "Thread time (us)", "Work (us)"
_LONGEST, _MEAN = "Longest tasks (us)", "Mean tasks (us)"
_OF_TIMED_RUNS = (_TASKS, _WORK, _THREAD_TIME, _LONGEST, _MEAN, _WAITING)
THREAD_COLUMNS = (*_OF_TIMED_RUNS, CPU_TIME, BESIDE)

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

# What cannot be said where threads worked that do no tasks of TVM's.
_CLAIMS = (_WORK, _THREAD_TIME)


def thread_cells(
    runs: Sequence[Run], typical: Run, kept: Ints, *, columns: bool
) -> list[dict[str, Metric]]:
    """What rows say of threads, first the run as a whole: when tasks were done, in ``typical``.

    With ``columns`` also how threads were used; see :func:`_columns`. ``kept`` are the
    numbers of the ``runs`` that values are means over.
    """
    rows: list[dict[str, Metric]] = [{} for _ in range(1 + len(typical.sites))]
    if columns:
        rows = _columns(runs, kept)
    for row, windows in _task_windows(typical).items():
        rows[1 + row][TASKS] = Samples(windows)
    return rows


def without_claims(
    rows: Sequence[Row], watched: Watched, groups: Sequence[Hashable]
) -> tuple[list[Row], dict[str, Metric]]:
    """``rows`` of the run and its calls without what they cannot know; and a note if so.

    Where others worked than those that do TVM's tasks, nobody knows how many threads there
    were, nor how well they were used. Where counters did not see them, their CPU time
    is not in that of the call. Calls of one of ``groups`` are of one row.
    """
    others = watched.others(TEAM)
    uncounted = watched.others(watched.counted)
    left_out = {
        **_places(_CLAIMS, others, groups),
        **_places((CPU_TIME, BESIDE), uncounted, groups),
    }
    kept: list[Row] = [
        {
            column: metric
            for column, metric in row.items()
            if number not in left_out.get(column.removesuffix(SAMPLES_SUFFIX), ())
        }
        for number, row in enumerate(rows)
    ]
    columns = [
        column
        for column, places in left_out.items()
        if any(column in rows[place] for place in places)
    ]
    if not columns:
        return kept, {}
    calls = len({place for column in columns for place in left_out[column]} - {0})
    return kept, {
        "Threads do not tell": f"{', '.join(columns)} of {calls} calls and of Total: threads "
        "worked there that do no tasks of TVM's, nobody knows how many"
    }


def _places(
    columns: Iterable[str], others: Others, groups: Sequence[Hashable]
) -> dict[str, set[int]]:
    """By column, the rows that do not have it: of the run, if of any, and of whole groups.

    Where others worked in the run and nobody knows in which call, it may be any.
    """
    hit = {group for group, worked in zip(groups, others.calls.tolist(), strict=True) if worked}
    if others.run and not hit:
        hit = set(groups)
    places = {1 + number for number, group in enumerate(groups) if group in hit}
    if others:
        places.add(0)
    return dict.fromkeys(columns, places)


def _columns(runs: Sequence[Run], kept: Ints) -> list[dict[str, Metric]]:
    """How the run, then each call, used threads, without the calls inside it.

    ``runs`` are timed runs of the same calls, ``kept`` those that values are means over; see
    :class:`vmprof.runs.parallelism.Parallelism`.
    """
    columns: dict[str, list[Ints]] = {name: [] for name in _OF_TIMED_RUNS}
    for run in runs:
        used, durations = run.parallelism, run.durations_ns
        assert used is not None
        assert durations is not None
        total = np.array([run.total_ns])
        columns[_TASKS].append(_own(used.tasks, run))
        columns[_WORK].append(_own(used.work, run))
        times = np.concatenate([total, run.exclusive(durations)])
        columns[_THREAD_TIME].append(used.threads * times)
        columns[_LONGEST].append(_own(used.longest, run))
        columns[_MEAN].append(_own(used.mean, run))
        columns[_WAITING].append(_own(used.waiting, run))
    rows: list[dict[str, Metric]] = []
    for row in range(1 + len(runs[0].sites)):
        cells: dict[str, Metric] = {}
        for column, values in columns.items():
            cells |= mean_of(column, _metrics(column, [int(each[row]) for each in values]), kept)
        rows.append(cells)
    return rows


def _own(values: Ints, run: Run) -> Ints:
    """Of the run, as they are, and of its calls without those inside."""
    return np.concatenate([values[:1], run.exclusive(values[1:])])


def _metrics(column: str, values: Sequence[int]) -> list[Metric]:
    if column == _TASKS:
        return [Count(value) for value in values]
    return [Duration(value / 1e3) for value in values]


def _task_windows(run: Run) -> Mapping[int, tuple[float, ...]]:
    """By row: thread, begin and end, in microseconds, of each of its tasks in turn."""
    cells: dict[int, list[float]] = {}
    if run.parallelism is not None:
        for row, thread, begin, end in run.parallelism.windows.tolist():
            if row > 0:
                cells.setdefault(row - 1, []).extend((float(thread), begin / 1e3, end / 1e3))
    return {row: tuple(numbers) for row, numbers in cells.items()}


def per_thread(
    column: str, number: int, counts: Sequence[Counts], before: Ints
) -> Mapping[int, Mapping[str, Metric]]:
    """What each thread did, by row, of the calls that ran in parallel.

    ``counts`` are of the runs that values are means over, in which the column has this
    ``number``; ``before`` is, for each row, the sum of what is in the rows before it, over
    the runs. The parts of a call with no other inside add up to the value of its row. Threads
    are in the same order in every row, the calling one first.
    """
    parts = [c.by_thread for c in counts if c.by_thread is not None]
    if not parts:
        return {}
    # All runs are of one thread, and so are their callers.
    threads = np.array(sorted({t for p in parts for t in p.threads[1:].tolist()}))
    rows = np.unique(np.concatenate([p.rows for p in parts]))
    values = np.zeros((len(counts), len(rows), 1 + len(threads)), dtype=np.int64)
    for of_run, run in zip(values, counts, strict=True):
        of_run[:, 0] = run.values[rows, number]
        if run.by_thread is not None:
            at = [0, *(1 + np.searchsorted(threads, run.by_thread.threads[1:]))]
            places = np.searchsorted(rows, run.by_thread.rows)
            of_run[np.ix_(places, at)] = run.by_thread.values[:, :, number]
    cells: dict[int, Mapping[str, Metric]] = {}
    for place, row in enumerate(rows.tolist()):
        means = rounded_means(values[:, place], int(before[row]))
        cells[row] = {f"{column}{PER_THREAD_SUFFIX}": Samples(tuple(map(float, means.tolist())))}
    return cells
