"""What the page shows of one function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vmprof.recording.curves import Curve, Curves
from vmprof.recording.groups import Calls, Group, durations_us
from vmprof.recording.growth import INVOCATION, Growth
from vmprof.recording.keys import Keys
from vmprof.recording.tables import UNRECORDED, Recording, durations_ns
from vmprof.report.derive import summed
from vmprof.report.model import Report
from vmprof.report.render.html.page import Sections
from vmprof.report.render.html.timeline import timeline_data
from vmprof.sampling.model import Hit
from vmprof.values import WINDOW, Duration, Row, Samples

# These limits keep a function's part of the page small, however long it was recorded.
_MOST_ROWS = 500
_MOST_VALUES = 100_000
_MOST_INVOCATIONS = 300
_FEWEST_INVOCATIONS = 30
_MOST_CALLS = 5_000


@dataclass(frozen=True)
class FunctionView:
    """A function on the page: its report's ``sections``, and the data of its charts.

    ``drawn`` of its ``timed`` invocations are in the charts.
    """

    title: str
    sections: Sections
    drawn: int
    timed: int
    grown: Sequence[str]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, group: Group, report: Report, by: str, grown: Sequence[Growth]) -> FunctionView:
        report = _shortened(report)
        sections = Sections.of(report)
        rows = sections.operators.row_of
        # The table's row for each name and shapes.
        row_of = {
            (str(call["Name"]), str(call.get("Argument Shapes", ""))): rows[number]
            for number, call in enumerate(report.calls)
        }
        most = min(_MOST_INVOCATIONS, max(_FEWEST_INVOCATIONS, _MOST_VALUES // (len(rows) + 1)))
        curves = Curves.of(group, by, most)
        median, places = _median(group, by, row_of)
        operators = replace(sections.operators, row_of=places)
        timeline = timeline_data(median, operators)
        sections = replace(sections, data={**sections.data, **timeline})
        return cls(
            group.title,
            sections,
            len(curves.numbers),
            curves.timed,
            [str(each) for each in grown],
            {**sections.data, "curves": _curves(group.recording, curves, row_of, grown)},
        )


def _shortened(report: Report) -> Report:
    """``report`` with its longest rows, and one row that sums up the rest."""
    if len(report.calls) <= _MOST_ROWS:
        return report
    others = report.calls[_MOST_ROWS:]
    rest: Row = {**summed(others, report.derived), "Name": f"({len(others):,} more)"}
    samples = report.samples
    if samples is not None:
        samples = replace(samples, hits=_moved(samples.hits), others=_moved(samples.others))
    return replace(report, calls=(*report.calls[:_MOST_ROWS], rest), samples=samples)


def _moved(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Those of rows that were summed up are of that row."""
    return tuple(hit._replace(call=min(hit.call, _MOST_ROWS)) for hit in hits)


def _median(
    group: Group, by: str, row_of: Mapping[tuple[str, str], int]
) -> tuple[Report, list[int]]:
    """The invocation of median length, for the timeline.

    Its calls as a report that has their windows, and the table's row of each call. There are no
    calls if the invocation has too many to draw.
    """
    timed = group.timed
    median = np.argsort(durations_us(timed), kind="stable")[len(timed) // 2]
    invocation = timed[median : median + 1]
    calls = Calls.of(group.recording.calls, invocation)
    if len(calls.rows) - 1 > _MOST_CALLS:
        return Report((), {}, {}), []
    keys = Keys.of(group, by)
    begin = int(invocation["begin_ns"][0])
    own = calls.exclusive(durations_ns(calls.rows)) / 1e3
    made: list[Row] = []
    places = []
    for number, (row, key) in enumerate(zip(calls.rows, keys.of_rows(calls).tolist(), strict=True)):
        place = row_of.get((keys.names[key], keys.shapes[key])) if key >= 0 else None
        if place is None:
            continue  # the invocation itself, or a call in the row that sums up the rest
        window = (int(row["begin_ns"]) - begin) / 1e3, (int(row["end_ns"]) - begin) / 1e3
        made.append(
            {
                "Name": keys.names[key],
                "Duration (us)": Duration(float(own[number])),
                WINDOW: Samples(window),
            }
        )
        places.append(place)
    return Report(tuple(made), {}, {}), places


def _curves(
    recording: Recording,
    curves: Curves,
    row_of: Mapping[tuple[str, str], int],
    grown: Sequence[Growth],
) -> dict[str, Any]:
    """The data of the charts; null for rows without a curve."""
    names = [name for name, _ in row_of]
    by_operator = {each.operator: each for each in grown if each.what == INVOCATION}
    rows: list[dict[str, Any] | None] = [None] * len(row_of)
    for (name, shapes), place in row_of.items():
        curve = curves.rows.get((name, shapes))
        if curve is not None:
            # Growth covers all calls of an operator: no line if it has several rows.
            growth = by_operator.get(name) if names.count(name) == 1 else None
            rows[place] = _curve(curve, growth)
    threads = curves.threads.tolist()
    return {
        "numbers": curves.numbers.tolist(),
        "threads": threads if len(set(threads)) > 1 else None,
        "others": [
            {
                "counted": turn != UNRECORDED,
                "how": _how(recording, turn),
                "numbers": numbers.tolist(),
                "us": _figures(us.tolist()),
            }
            for turn, (numbers, us) in curves.others.items()
        ],
        "whole": _curve(curves.whole, by_operator.get(None)),
        "rows": rows,
    }


def _how(recording: Recording, turn: int) -> str:
    if turn == UNRECORDED:
        return "not recorded"
    one = recording.passes[turn - 1]
    return "sampled" if one.samples else f"counted: {one.what}"


def _curve(curve: Curve, growth: Growth | None) -> dict[str, Any]:
    line = None
    if growth is not None:
        slope = growth.slope
        line = {
            "at": list(growth.middle),
            "slopes": [slope.value, slope.low, slope.high],
            "text": str(growth),
        }
    return {
        "us": _figures(curve.us.tolist()),
        "first": curve.first,
        "rest": curve.rest,
        "growth": line,
    }


def _figures(values: Sequence[float]) -> list[float | None]:
    """Values with four digits, which is all that a chart can show; None in place of NaN."""
    return [_figure(value) for value in values]


def _figure(value: float) -> float | None:
    if math.isnan(value):
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded
