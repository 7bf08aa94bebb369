"""A diff as text."""

from __future__ import annotations

from collections.abc import Mapping

from vmprof.compare.diff.change import ALPHA, Change, Sureness
from vmprof.compare.diff.diff import TIME, Diff, Operator
from vmprof.compare.diff.match import MatchedBy
from vmprof.compare.grid import grid
from vmprof.report.table import format_metric

LEGEND = f"""\
{Sureness.REAL.value}  more than chance: Mann-Whitney U test on the repeats, exact, two-sided, \
at {ALPHA:.0%}, adjusted
   for the number of rows (Holm); it knows nothing of what differs between two starts of a program
{Sureness.CHANCE.value}  within chance
{Sureness.UNTOLD.value}  not told: no repeats, or too few for so many rows
"""

_MARKS = {
    MatchedBy.HASH: "",
    MatchedBy.NAME: "",
    MatchedBy.RENUMBERED: " (renumbered)",
    MatchedBy.RESHAPED: " (reshaped)",
}


def render(diff: Diff, before: str, after: str) -> str:
    """What changed from the report called ``before`` to the one called ``after``."""
    parts = [f"{before} -> {after}\n", _table(diff)]
    if diff.settings:
        parts.append(_settings(diff))
    if diff.one_sided:
        parts.append(f"Only one of the two has: {', '.join(diff.one_sided)}\n")
    return "\n".join(parts)


def describe_change(change: Change) -> str:
    """As in ``+12.3 % *``; ``new`` or ``gone`` where there is one side alone."""
    if change.before is None:
        return "" if change.after is None else "new"
    if change.after is None:
        return "gone"
    if change.percent is None:
        return "" if change.after == change.before else f"from 0 {change.sureness.value}"
    return f"{change.percent:+,.1f} % {change.sureness.value}"


def _table(diff: Diff) -> str:
    header = ["Name", "Argument Shapes", "Count"]
    for column in diff.columns:
        header += [column, "after", "change"]
    lines = [
        [
            f"{operator.name}{_MARKS[operator.matched_by] if operator.matched_by else ''}",
            operator.shapes,
            _counts(operator),
            *_cells(diff, operator.changes),
        ]
        for operator in diff.operators
    ]
    lines.append(["----------", *[""] * (len(header) - 1)])
    lines += [[name, "", "", *_cells(diff, changes)] for name, changes in diff.whole.items()]
    return grid(header, lines, text_columns=2)


def _counts(operator: Operator) -> str:
    before, after = operator.count_before, operator.count_after
    if before == after or before is None or after is None:
        return f"{before if after is None else after}"
    return f"{before} -> {after}"


def _cells(diff: Diff, changes: Mapping[str, Change]) -> list[str]:
    nothing = Change(None, None)
    return [
        text
        for column in diff.columns
        for change in [changes.get(column, nothing)]
        for text in (
            _number(column, change.before),
            _number(column, change.after),
            describe_change(change),
        )
    ]


def _number(column: str, value: float | None) -> str:
    if value is None:
        return ""
    if column == TIME or not float(value).is_integer():
        return f"{value:,.2f}"
    return f"{value:,.0f}"


def _settings(diff: Diff) -> str:
    lines = [
        [name, format_metric(before) or "-", format_metric(after) or "-"]
        for name, (before, after) in diff.settings.items()
    ]
    return grid(["Configuration", "before", "after"], lines, text_columns=3)
