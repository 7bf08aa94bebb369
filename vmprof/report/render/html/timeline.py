"""What the page's script draws: when each call of one run began and ended, and its repeats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.html.operators import OperatorTable
from vmprof.report.timeline import depths, tasks_of, windows_of
from vmprof.values import SAMPLES_SUFFIX, Row, Samples

_MANY_SAMPLES = 40_000  # some 400 kB of the page


def timeline_data(
    report: Report, operators: OperatorTable, colours: Mapping[str, int]
) -> dict[str, Any]:
    """The JSON: ``calls`` of the run in order, empty if the report does not say when they were.

    Of each call: ``row`` of the table, ``begin`` and ``end`` in microseconds,
    ``depth`` of nesting, ``colour``, ``mean`` and ``samples`` of its duration;
    of very many samples the least and the most alone. ``tasks`` are as
    :class:`vmprof.report.timeline.Task`, of a call of this list.
    """
    windows = windows_of(report)
    if windows is None:
        return {"calls": [], "tasks": []}
    samples = [_samples(call) for call in report.calls]
    if sum(map(len, samples)) > _MANY_SAMPLES:
        samples = [[min(each), max(each)] if each else [] for each in samples]
    made = {number: window for number, window in enumerate(windows) if window is not None}
    calls = [
        {
            "row": operators.row_of[number],
            "begin": begin,
            "end": end,
            "depth": depth,
            "colour": colours.get(kind_of(report.calls[number])),
            "mean": microseconds(report.calls[number]),
            "samples": samples[number],
        }
        for (number, (begin, end)), depth in zip(
            made.items(), depths([*made.values()]), strict=True
        )
    ]
    place = {number: position for position, number in enumerate(made)}
    tasks = [
        {**asdict(task), "call": place[task.call]}
        for task in tasks_of(report)
        if task.call in place
    ]
    return {"calls": calls, "tasks": tasks}


def _samples(call: Row) -> list[float]:
    samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
    if not isinstance(samples, Samples):
        return []
    return [value for value in samples.values if math.isfinite(value)]
