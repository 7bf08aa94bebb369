"""What the opened row of an operator shows besides the cells of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vmprof.report.aggregate import merge_key
from vmprof.report.bounds import BOUND, Bound, bounds
from vmprof.report.model import Report
from vmprof.report.render.figures import like
from vmprof.report.render.html.inside import Insides
from vmprof.report.render.table import format_metric
from vmprof.values import (
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    Row,
    Samples,
)

_MOST_THREADS = 64
_MOST = 1e24  # what is more has not been counted


def details_of(report: Report, rows: Sequence[Row], insides: Insides) -> list[dict[str, Any]]:
    """For each of ``rows``, as JSON, what there is of it.

    ``spreads``: by column, the least and the most that a repeat measured. ``threads``: by column,
    the part of each thread, the calling one first. ``bound``: what the word in the column Bound
    was concluded from, a line each. ``inside``: which of ``insides`` is its operator's, and what
    has to be said of that.
    """
    alike = Counter(str(row.get("Name")) for row in rows)
    found = bounds(report) if any(BOUND in row for row in rows) else {}
    return [
        {
            name: part
            for name, part in (
                ("spreads", _spreads(row)),
                ("threads", _threads(row)),
                ("bound", _reasons(found.get(merge_key(row)))),
                ("inside", _inside(str(row.get("Name")), insides, alike)),
            )
            if part
        }
        for row in rows
    ]


def _spreads(row: Row) -> dict[str, str]:
    spreads: dict[str, str] = {}
    for column, values in _samples(row, SAMPLES_SUFFIX):
        value = row.get(column)
        if value is None or len(values) < 2:
            continue
        least, most = (format_metric(like(value, each)) for each in (min(values), max(values)))
        spreads[column] = f"{least} to {most}"
    return spreads


def _threads(row: Row) -> dict[str, list[str]]:
    return {
        column: [format_metric(like(row.get(column), value)) for value in values[:_MOST_THREADS]]
        for column, values in _samples(row, PER_THREAD_SUFFIX)
    }


def _samples(row: Row, suffix: str) -> list[tuple[str, Sequence[float]]]:
    return [
        (name.removesuffix(suffix), metric.values)
        for name, metric in row.items()
        if name.endswith(suffix)
        and isinstance(metric, Samples)
        and all(abs(value) < _MOST for value in metric.values)
    ]


def _reasons(bound: Bound | None) -> list[str]:
    return [] if bound is None else [bound.because, *bound.figures]


def _inside(name: str, insides: Insides, alike: Mapping[str, int]) -> dict[str, Any]:
    if name in insides.notes:
        return {"note": insides.notes[name]}
    if name not in insides.place:
        return {}
    note = f"Of all {alike[name]} rows of this name together." if alike[name] > 1 else ""
    return {"part": insides.place[name], "note": note}
