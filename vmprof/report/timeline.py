"""When the calls of one run were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.report.model import Report
from vmprof.values import TASKS, WINDOW, Row, Samples

Window = tuple[float, float]
# What columns of tables are called that have them.
BEGIN_AND_END = ("Begin (us)", "End (us)")

_MANY_THREADS = 10_000  # more than that is a damaged report


def windows_of(report: Report) -> list[Window | None] | None:
    """Begin and end of each call in microseconds, None for one that the run did not make.

    None altogether if the report does not say when calls were.
    """
    windows = [_window(call) for call in report.calls]
    return windows if any(windows) else None


@dataclass(frozen=True)
class Task:
    """A part of the ``call`` of this number, done by ``thread``; times in microseconds."""

    call: int
    thread: int
    begin: float
    end: float


def tasks_of(report: Report) -> list[Task]:
    """The tasks of all calls; none if the report has none, or the calling thread did them all."""
    tasks = []
    for number, call in enumerate(report.calls):
        cell = call.get(TASKS)
        if isinstance(cell, Samples):
            numbers = iter(cell.values)
            for thread, begin, end in zip(numbers, numbers, numbers, strict=False):
                if 0 <= thread < _MANY_THREADS and 0 <= begin <= end < math.inf:
                    tasks.append(Task(number, int(thread), begin, end))
    return tasks if any(task.thread for task in tasks) else []


def depths(windows: Sequence[Window]) -> list[int]:
    """How many of the calls around it each call lies in."""
    result = []
    open_until: list[float] = []
    for begin, end in windows:
        while open_until and open_until[-1] <= begin:
            open_until.pop()
        result.append(len(open_until))
        open_until.append(end)
    return result


def _window(call: Row) -> Window | None:
    match call.get(WINDOW):
        case Samples((begin, end)) if 0 <= begin <= end < math.inf:
            return begin, end
    return None
