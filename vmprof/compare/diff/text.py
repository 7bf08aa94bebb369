"""A diff as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmprof.compare.diff.change import ALPHA, Change, Sureness
from vmprof.compare.diff.diff import Diff, Operator
from vmprof.compare.diff.side import TIME
from vmprof.compare.diff.match import MatchedBy
from vmprof.compare.grid import grid
from vmprof.compare.significance import MOST_EXACT
from vmprof.report.render.table import format_metric
from vmprof.visible import visible

LEGEND = f"""\
{Sureness.REAL.value}  more than chance: Mann-Whitney U test on the repeats, two-sided,
   at {ALPHA:.0%}, adjusted for the number of rows (Holm); exact up to {MOST_EXACT} repeats in all,
   above by the normal distribution. It knows nothing of what differs between two
   starts of a program
{Sureness.CHANCE.value}  within chance
{Sureness.UNDECIDED.value}  not told: no repeats, or too few for so many rows
"""

_MARKS = {
    MatchedBy.HASH: "",
    MatchedBy.NAME: "",
    MatchedBy.RENUMBERED: " (renumbered)",
    MatchedBy.RESHAPED: " (reshaped)",
}


def render(diff: Diff, before: str, after: str) -> str:
    """What changed from the report called ``before`` to the one called ``after``."""
    columns = [column for column in diff.columns if column == TIME or _has_change(diff, column)]
    parts = [f"{visible(before)} -> {visible(after)}\n", _table(diff, columns)]
    if diff.settings:
        parts.append(_settings(diff))
    if len(columns) < len(diff.columns):
        unchanged = [column for column in diff.columns if column not in columns]
        parts.append(f"The same in each row: {visible(', '.join(unchanged))}\n")
    if diff.one_sided:
        parts.append(f"Only one of the two has: {visible(', '.join(diff.one_sided))}\n")
    return "\n".join(parts)


def describe_change(change: Change) -> str:
    """As in ``+12.3 % *``; ``new`` or ``gone`` where there is one side alone, ``=`` if none."""
    if change.before is None:
        return "" if change.after is None else "new"
    if change.after is None:
        return "gone"
    if change.after == change.before:
        return "="
    if change.percent is None:
        return f"from 0 {change.sureness.value}"
    return f"{change.percent:+,.1f} % {change.sureness.value}"


def _has_change(diff: Diff, column: str) -> bool:
    changes = [operator.changes[column] for operator in diff.operators]
    return any(change.before != change.after for change in changes)


def _table(diff: Diff, columns: Sequence[str]) -> str:
    header = ["Name", "Argument Shapes", "Count"]
    for column in columns:
        header += [column, "after", "change"]
    lines = [
        [
            f"{operator.name}{_MARKS[operator.matched_by] if operator.matched_by else ''}",
            operator.shapes,
            _counts(operator),
            *_cells(columns, operator.changes),
        ]
        for operator in diff.operators
    ]
    lines.append(["----------", *[""] * (len(header) - 1)])
    lines += [[name, "", "", *_cells(columns, changes)] for name, changes in diff.whole.items()]
    return grid(header, lines, text_columns=2)


def _counts(operator: Operator) -> str:
    before, after = operator.count_before, operator.count_after
    if before == after or before is None or after is None:
        return f"{before if after is None else after}"
    return f"{before} -> {after}"


def _cells(columns: Sequence[str], changes: Mapping[str, Change]) -> list[str]:
    nothing = Change(None, None)
    return [
        text
        for column in columns
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
