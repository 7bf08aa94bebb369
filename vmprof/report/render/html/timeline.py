"""What the page's script draws: when each call of one run began and ended, and its repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.render.html.operators import OperatorTable
from vmprof.report.timeline import Window, depths, tasks_of, windows_of
from vmprof.values import SAMPLES_SUFFIX, Row, Samples

# The page stays below 5 MB, however long the run: a call takes 12 to 24 bytes of it, a
# sample 8, a task 16.
MOST_CALLS, MOST_TASKS = 200_000, 40_000
_MOST_SAMPLES, _MOST_CALLS_WITH_SAMPLES = 40_000, 50_000

Columns = dict[str, list[Any]]


def timeline_data(report: Report, operators: OperatorTable) -> dict[str, Any]:
    """The JSON; empty columns if the report does not say when its calls were.

    Columns instead of objects, and times in whole nanoseconds: there may be very many
    calls. ``calls``: how many of the run are ``skipped`` before it, unless none are;
    ``row`` of the table; the ``gap`` between the end of the call before and its begin; how long it
    ``took``; ``depth`` of nesting, unless it is 0 everywhere; ``mean`` of its duration
    beyond what it took, and ``samples``, of very many the least and the most alone, or
    nothing.
    ``tasks``: ``call``, the place of it in those columns, ``thread``, ``begin`` after
    that of the call, and how long it ``took``. Of more than :data:`MOST_CALLS` and
    :data:`MOST_TASKS` the longest are here; ``left_out`` says so. ``colours`` are those of
    the rows of the table.
    """
    windows = windows_of(report) or []
    made = [number for number, window in enumerate(windows) if window is not None]
    times = [window for window in windows if window is not None]
    kept = _longest([end - begin for begin, end in times], MOST_CALLS)
    number_of = [made[place] for place in kept]
    begins, took = _whole([times[place] for place in kept])
    ends = [begin + length for begin, length in zip(begins, took, strict=True)]
    all_depths = depths(times)
    depth = [all_depths[place] for place in kept]
    skipped = [at - before - 1 for before, at in pairwise([-1, *number_of])]
    place_of = {number: place for place, number in enumerate(number_of)}
    all_tasks = [task for task in tasks_of(report) if task.call in place_of]
    tasks = [
        all_tasks[place]
        for place in _longest([task.end - task.begin for task in all_tasks], MOST_TASKS)
    ]
    task_begins, task_took = _whole([(task.begin, task.end) for task in tasks])
    return {
        "calls": {
            "skipped": skipped if any(skipped) else [],
            "row": [operators.row_of[number] for number in number_of],
            "gap": [begin - end for end, begin in zip([0, *ends], begins, strict=False)],
            "took": took,
            "depth": depth if any(depth) else [],
            "mean": [
                round(1e3 * microseconds(report.calls[number])) - length
                for number, length in zip(number_of, took, strict=True)
            ],
            "samples": _samples_of([report.calls[number] for number in number_of]),
        },
        "tasks": {
            "call": [place_of[task.call] for task in tasks],
            "thread": [task.thread for task in tasks],
            "begin": [
                begin - begins[place_of[task.call]]
                for begin, task in zip(task_begins, tasks, strict=True)
            ],
            "took": task_took,
        },
        "colours": [row.colour for row in operators.rows],
        "made": len(made),
        "left_out": _left_out("call", len(kept), len(made))
        + _left_out("task", len(tasks), len(all_tasks)),
    }


def _longest(lengths: Sequence[float], most: int) -> list[int]:
    """The places of the longest ones, at most so many, in their order."""
    places = range(len(lengths))
    if len(lengths) <= most:
        return [*places]
    return sorted(sorted(places, key=lambda place: -lengths[place])[:most])


def _whole(windows: Sequence[Window]) -> tuple[list[int], list[int]]:
    """Begin and length in nanoseconds."""
    begins = [round(1e3 * begin) for begin, _ in windows]
    ends = (round(1e3 * end) for _, end in windows)
    return begins, [end - begin for begin, end in zip(begins, ends, strict=True)]


def _left_out(what: str, kept: int, of_all: int) -> list[str]:
    return [f"the {kept:,} longest of {of_all:,} {what}s are shown"] if kept < of_all else []


def _samples_of(calls: Sequence[Row]) -> list[list[int]]:
    if len(calls) > _MOST_CALLS_WITH_SAMPLES:
        return []
    samples = [_samples(call) for call in calls]
    if sum(map(len, samples)) > _MOST_SAMPLES:
        return [[min(each), max(each)] if each else [] for each in samples]
    return samples


def _samples(call: Row) -> list[int]:
    samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
    if not isinstance(samples, Samples):
        return []
    return [round(1e3 * value) for value in samples.values if math.isfinite(value)]
