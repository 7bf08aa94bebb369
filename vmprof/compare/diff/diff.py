"""Two reports, operator by operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmprof.compare.diff.change import Change, changes_of
from vmprof.compare.diff.match import MatchedBy, Pair, match_rows
from vmprof.compare.rows import merged_rows, summed_row
from vmprof.report.aggregate import combine
from vmprof.report.columnwise import number
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import SAMPLES_SUFFIX, Count, Duration, Metric, Row, Samples

TIME = "Duration (us)"
# What was measured, not how; compared elsewhere, if at all.
_MEASURED = ("Empty call ", "Unprofiled ", "In no row ")
_UNCOMPARED = ("Count", "Percent")


@dataclass(frozen=True)
class Operator:
    """All calls of one operator, before and after.

    ``name`` and ``shapes`` are those after, of an operator that is gone those
    before. ``changes`` are by column.
    """

    name: str
    shapes: str
    count_before: int | None
    count_after: int | None
    matched_by: MatchedBy | None
    changes: Mapping[str, Change]


@dataclass(frozen=True)
class Diff:
    """``operators`` have the longest first; ``whole`` is the run: Sum, Total, and unprofiled.

    ``columns`` are those that both reports have, ``one_sided`` those that one
    has. ``settings`` are the lines of Configuration that differ.
    """

    operators: tuple[Operator, ...]
    whole: Mapping[str, Mapping[str, Change]]
    columns: tuple[str, ...]
    one_sided: tuple[str, ...]
    settings: Mapping[str, tuple[Metric | None, Metric | None]]


@uncollected()
def diff_reports(before: Report, after: Report) -> Diff:
    """What changed from ``before`` to ``after``."""
    rows_before, rows_after = merged_rows(before), merged_rows(after)
    names_before, names_after = _columns(rows_before), _columns(rows_after)
    columns = [name for name in names_after if name in names_before]
    columns.sort(key=lambda name: (name != TIME, name))
    pairs = match_rows(rows_before, rows_after)
    rows = [(pair.before, pair.after) for pair in pairs]
    by_column = {column: changes_of(column, rows) for column in columns}
    operators = [
        _operator(pair, {column: changes[index] for column, changes in by_column.items()})
        for index, pair in enumerate(pairs)
    ]
    operators.sort(key=_longest, reverse=True)
    return Diff(
        operators=tuple(operators),
        whole=_whole_changes(_wholes(before, rows_before), _wholes(after, rows_after), columns),
        columns=tuple(columns),
        one_sided=tuple(sorted(set(names_before) ^ set(names_after))),
        settings=dict(_settings(before, after)),
    )


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(
        dict.fromkeys(
            name
            for row in rows
            for name, metric in row.items()
            if number(metric) is not None and name not in _UNCOMPARED
        )
    )


def _operator(pair: Pair, changes: Mapping[str, Change]) -> Operator:
    named = pair.after or pair.before or {}
    return Operator(
        name=str(named.get("Name", "")),
        shapes=str(named.get("Argument Shapes", "")),
        count_before=_count(pair.before),
        count_after=_count(pair.after),
        matched_by=pair.matched_by,
        changes=changes,
    )


def _count(row: Row | None) -> int | None:
    count = None if row is None else row.get("Count")
    return count.value if isinstance(count, Count) else None


def _longest(operator: Operator) -> float:
    change = operator.changes.get(TIME)
    return max(change.before or 0.0, change.after or 0.0) if change else 0.0


def _wholes(report: Report, rows: Sequence[Row]) -> dict[str, Row]:
    """What the run took as a whole, under the names of what it was measured by."""
    wholes: dict[str, Row] = {"Sum": {**summed_row(report), **_summed_samples(rows)}}
    for device, total in report.device_metrics.items():
        wholes[f"Total of {device}" if device else "Total"] = total
    mean = report.configuration.get("Unprofiled mean (us)")
    if isinstance(mean, Duration):
        samples = report.configuration.get(f"Unprofiled mean (us){SAMPLES_SUFFIX}", "")
        wholes["Unprofiled mean"] = {TIME: mean, f"{TIME}{SAMPLES_SUFFIX}": samples}
    return wholes


def _whole_changes(
    before: Mapping[str, Row], after: Mapping[str, Row], columns: Sequence[str]
) -> dict[str, dict[str, Change]]:
    """By name and column, what both have."""
    names = [name for name in before if name in after]
    rows = [(before[name], after[name]) for name in names]
    result: dict[str, dict[str, Change]] = {name: {} for name in names}
    for column in columns:
        for name, change in zip(names, changes_of(column, rows), strict=True):
            if change.before is not None and change.after is not None:
                result[name][column] = change
    return result


def _summed_samples(rows: Sequence[Row]) -> dict[str, Metric]:
    """Repeat by repeat, the sums of the columns of which every row has them."""
    found: dict[str, list[Metric]] = {}
    for row in rows:
        for name, metric in row.items():
            if isinstance(metric, Samples):
                found.setdefault(name, []).append(metric)
    return {name: combine(metrics) for name, metrics in found.items() if len(metrics) == len(rows)}


def _settings(
    before: Report, after: Report
) -> Iterator[tuple[str, tuple[Metric | None, Metric | None]]]:
    for name in dict.fromkeys([*before.configuration, *after.configuration]):
        old, new = before.configuration.get(name), after.configuration.get(name)
        if old != new and not name.startswith(_MEASURED):
            yield name, (old, new)
