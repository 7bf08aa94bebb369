"""Adding up rows, by TVM's rules: counts, durations and shares add, ratios average.

In one thing they are not TVM's: kernels of one hash that have two names keep a row each.
TVM made one row of them, without a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from vmprof.report.columnwise import gathered
from vmprof.report.layers import all_layers
from vmprof.values import (
    LAYER,
    NOT_COUNTED,
    PATH,
    TASKS,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
    is_inclusive,
)

_SUMMED = frozenset((Count, Duration, Percent))
_OF_ONE_CALL = (WINDOW, TASKS)  # when it was


def merge_calls(calls: Iterable[Row], *, by_path: bool = False) -> list[Row]:
    """One row for all calls of one operator (``Hash`` and ``Name``), shapes and device.

    With ``by_path``, only for those made in the same functions; without, what
    they were made in is left out.
    """
    groups: dict[tuple[Metric | None, ...], list[Row]] = {}
    for call in calls:
        groups.setdefault(merge_key(call, by_path=by_path), []).append(call)
    rows = [_merge(group) for group in groups.values()]
    return rows if by_path else [without_path(row) for row in rows]


def without_path(row: Row) -> Row:
    """``row`` without the column of call paths."""
    return {name: metric for name, metric in row.items() if name != PATH}


def merge_key(call: Row, *, by_path: bool = False) -> tuple[Metric | None, ...]:
    """What calls that are merged have in common."""
    get = call.get
    key = (get("Hash"), get("Name"), get("Argument Shapes"), get("Device"))
    return (*key, get(PATH)) if by_path else key


def sum_columns(rows: Iterable[Row]) -> Row:
    """The sum of each column that can be summed.

    Ratios and strings cannot, nor can columns that hold other rows' values too.
    """
    return sums_of(gathered(rows))


def sums_of(columns: Mapping[str, Sequence[Metric]]) -> dict[str, Metric]:
    """The same of columns."""
    return {
        name: combine(metrics)
        for name, metrics in columns.items()
        if not _SUMMED.isdisjoint(map(type, metrics)) and not is_inclusive(name)
    }


def _merge(rows: Sequence[Row]) -> Row:
    if len(rows) == 1:
        return {name: metric for name, metric in rows[0].items() if name not in _OF_ONE_CALL}
    return {
        name: all_layers(metrics) if name == LAYER else combine(metrics)
        for name, metrics in gathered(rows).items()
        if name not in _OF_ONE_CALL
    }


def combine(metrics: Sequence[Metric]) -> Metric:
    """Several values of one column as one.

    Strings that differ become empty, and so does what has a string among its
    numbers: one of them was not counted (:data:`NOT_COUNTED`). Lone quotients become
    empty as well.
    """
    first = metrics[0]
    if len(metrics) == 1:
        return first
    kinds = set(map(type, metrics))
    if str in kinds and not all(m == first for m in metrics):
        return NOT_COUNTED
    if kinds & {Ratio, Percent} and any(getattr(metric, "is_lone", False) for metric in metrics):
        return NOT_COUNTED
    match first:
        case Count():
            return Count(sum(m.value for m in metrics if isinstance(m, Count)))
        case Duration():
            return Duration(sum(m.microseconds for m in metrics if isinstance(m, Duration)))
        case Percent():
            return Percent(sum(m.percent for m in metrics if isinstance(m, Percent)))
        case Ratio():
            return Ratio(_mean([m.ratio for m in metrics if isinstance(m, Ratio)]))
        case Samples():
            repeats = [m.values for m in metrics if isinstance(m, Samples)]
            # Where counters took turns, rows have samples of different repeats.
            if len(set(map(len, repeats))) > 1:
                return Samples(())
            return Samples(tuple(map(sum, zip(*repeats, strict=True))))
        case str():
            return first


def _mean(values: Sequence[float]) -> float:
    try:
        return fmean(values)
    except OverflowError:  # near the largest numbers there are, which a damaged report may hold
        return sum(value / len(values) for value in values)
