"""What the page's script draws: when each call of one run began and ended, and its repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmprof.report.html.operators import OperatorTable
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import SAMPLES_SUFFIX, WINDOW, Report, Row, Samples


def timeline_data(
    report: Report, operators: OperatorTable, colours: Mapping[str, int]
) -> dict[str, Any]:
    """The JSON: ``calls`` in order, empty if the report does not say when they were.

    Of each call: ``row`` of the table, ``begin`` and ``end`` in microseconds,
    ``depth`` of nesting, ``colour``, ``median`` and ``samples`` of its duration.
    """
    windows = [window_of(call) for call in report.calls]
    if not all(windows):
        return {"calls": []}
    calls = []
    open_until: list[float] = []
    for call, window, row in zip(report.calls, windows, operators.row_of, strict=True):
        assert window is not None
        begin, end = window
        while open_until and open_until[-1] <= begin:
            open_until.pop()
        samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
        calls.append(
            {
                "row": row,
                "begin": begin,
                "end": end,
                "depth": len(open_until),
                "colour": colours.get(kind_of(call)),
                "median": microseconds(call),
                "samples": samples.values if isinstance(samples, Samples) else (),
            }
        )
        open_until.append(end)
    return {"calls": calls}


def window_of(call: Row) -> tuple[float, float] | None:
    """Begin and end of a call, in microseconds, if the report has them."""
    match call.get(WINDOW):
        case Samples((begin, end)):
            return begin, end
    return None
