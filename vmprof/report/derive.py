"""Columns that are computed from others: IPC from instructions and cycles.

A derived value is a function of one row. Where rows are merged or summed it is
computed again from what was merged, never averaged: the IPC of two calls is
their instructions over their cycles. Where something is known of some calls alone, it
is divided by what those took: operations of kernels not by the time of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from vmprof.expression import Formula
from vmprof.report.aggregate import sum_columns, sums_of
from vmprof.report.columnwise import are_numbers, column_names, number, numbers
from vmprof.report.model import Report
from vmprof.report.roofs import AT_PEAK
from vmprof.uncollected import uncollected
from vmprof.values import (
    BYTES,
    FLOPS,
    Count,
    Derived,
    Duration,
    Kind,
    Metric,
    Percent,
    Ratio,
    Row,
)

# What is known of calls, and never measured of the run as a whole.
_OF_CALLS = frozenset({FLOPS, BYTES, AT_PEAK})

_METRICS: Mapping[Kind, Callable[[float], Metric]] = {
    "ratio": Ratio,
    "percent": lambda value: Percent(100 * value),
    "count": lambda value: Count(round(value)),
    "duration": Duration,
}


@uncollected()
def derive(report: Report, derived: Sequence[Derived]) -> Report:
    """``report`` with derived columns in its calls and totals.

    A column that needs one that is nowhere is among ``missing``, and so is one that has
    no value in any row.
    """
    rows = [*report.calls, *report.device_metrics.values()]
    present = column_names(rows)
    missing = dict(report.missing)
    for entry in derived:
        absent = [column for column in _columns(entry) if column not in present]
        if absent:
            missing[entry.column] = f"needs {' and '.join(absent)}, which could not be counted"
    computed = derive_rows(rows, derived)
    valued = column_names(computed)
    for entry in derived:
        if entry.column not in {*valued, *missing}:
            missing[entry.column] = (
                f"it has no value in any row: {entry.formula} would divide by zero there"
            )
    totals = dict(zip(report.device_metrics, computed[len(report.calls) :], strict=True))
    of_calls = [entry for entry in derived if _OF_CALLS & set(_columns(entry))]
    for device, total in totals.items():
        known = [entry for entry in of_calls if total.keys() >= {*_columns(entry)}]
        calls = [call for call in report.calls if call.get("Device", device) == device]
        totals[device] = {**total, **_like_by_like(calls, known)}
    return replace(
        report,
        calls=tuple(computed[: len(report.calls)]),
        device_metrics=totals,
        missing=missing,
        derived=tuple(derived),
    )


def derive_rows(rows: Iterable[Row], derived: Sequence[Derived]) -> list[Row]:
    """``rows`` with their derived columns computed anew, as after merging or summing them."""
    if not derived:
        return list(rows)
    rows = [*rows]
    needed = {column for entry in derived for column in entry.sources.values()}
    known = {column: numbers([row.get(column) for row in rows]) for column in needed}
    columns = {entry.column: _computed(entry, known, len(rows)) for entry in derived}
    computed: list[Row] = []
    for row, cells in zip(rows, zip(*columns.values(), strict=True), strict=True):
        others = row
        if not columns.keys().isdisjoint(row):
            others = {column: metric for column, metric in row.items() if column not in columns}
        of_row = zip(columns, cells, strict=True)
        computed.append({**others, **{name: cell for name, cell in of_row if cell is not None}})
    return computed


def summed(rows: Sequence[Row], derived: Sequence[Derived]) -> dict[str, Metric]:
    """The sum of ``rows``, with each derived column of those rows that have what it needs."""
    stale = {entry.column for entry in derived}
    sums = {column: metric for column, metric in sum_columns(rows).items() if column not in stale}
    return {**sums, **_like_by_like(rows, derived)}


def _like_by_like(rows: Sequence[Row], derived: Iterable[Derived]) -> dict[str, Metric]:
    """The derived columns of the sum of ``rows``: each over the rows that it is known of."""
    sums: dict[str, Metric] = {}
    columns: dict[str, list[Metric | None]] = {}
    for entry in derived:
        needed = _columns(entry)
        for column in needed:
            if column not in columns:
                columns[column] = [row.get(column) for row in rows]
        known = [
            cells
            for cells in zip(*(columns[column] for column in needed), strict=True)
            if are_numbers(cells)
        ]
        of_known = sums_of(dict(zip(needed, zip(*known, strict=True), strict=False)))
        whole = {name: n for name, cell in of_known.items() if (n := number(cell)) is not None}
        sums |= evaluate([entry], whole)
    return sums


def evaluate(derived: Iterable[Derived], known: Mapping[str, float]) -> dict[str, Metric]:
    """The derived columns, of those that have a value, of a row with these numbers."""
    columns = {column: [value] for column, value in known.items()}
    return {
        entry.column: metric
        for entry in derived
        for metric in _computed(entry, columns, 1)
        if metric is not None
    }


def _computed(
    entry: Derived, columns: Mapping[str, Sequence[float | None]], count: int
) -> list[Metric | None]:
    """The column of ``count`` rows that have these numbers; None where it has no value."""
    formula, metric_of = _formula(entry.formula), _METRICS[entry.kind]
    names = [*formula.names]
    if any(entry.sources[name] not in columns for name in names):
        return [None] * count
    if not names:
        value = formula.evaluate({})
        return [None if value is None else metric_of(value)] * count
    computed: list[Metric | None] = []
    for row in zip(*(columns[entry.sources[name]] for name in names), strict=True):
        value = None if None in row else formula.evaluate(dict(zip(names, row, strict=True)))
        computed.append(None if value is None else metric_of(value))
    return computed


def _columns(derived: Derived) -> list[str]:
    """The columns that it needs."""
    return [derived.sources[name] for name in sorted(_formula(derived.formula).names)]


@lru_cache
def _formula(text: str) -> Formula:
    return Formula(text)
