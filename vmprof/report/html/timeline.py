"""What the page's script draws: when each call of one run began and ended, and its repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vmprof.report.html.operators import OperatorTable
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import SAMPLES_SUFFIX, Report, Samples
from vmprof.report.timeline import depths, tasks_of, windows_of


def timeline_data(
    report: Report, operators: OperatorTable, colours: Mapping[str, int]
) -> dict[str, Any]:
    """The JSON: ``calls`` in order, empty if the report does not say when they were.

    Of each call: ``row`` of the table, ``begin`` and ``end`` in microseconds,
    ``depth`` of nesting, ``colour``, ``median`` and ``samples`` of its duration.
    ``tasks`` are as :class:`vmprof.report.timeline.Task`.
    """
    windows = windows_of(report)
    if windows is None:
        return {"calls": [], "tasks": []}
    calls = []
    rows = zip(report.calls, windows, depths(windows), operators.row_of, strict=True)
    for call, (begin, end), depth, row in rows:
        samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
        calls.append(
            {
                "row": row,
                "begin": begin,
                "end": end,
                "depth": depth,
                "colour": colours.get(kind_of(call)),
                "median": microseconds(call),
                "samples": samples.values if isinstance(samples, Samples) else (),
            }
        )
    return {"calls": calls, "tasks": [asdict(task) for task in tasks_of(report)]}
