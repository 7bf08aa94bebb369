"""What a diff says, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vmprof.compare.diff.change import ALPHA, Change, Sureness
from vmprof.compare.diff.diff import Diff, Operator
from vmprof.compare.diff.match import MatchedBy
from vmprof.compare.diff.regressions import Limit, Regressions
from vmprof.compare.diff.side import TIME
from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.compare.permutation import enough_starts
from vmprof.report.render.table import format_metric
from vmprof.visible import visible

_ENOUGH = enough_starts(ALPHA)
LEGEND = f"""\
{Sureness.REAL.value}  more than chance, at {100 * ALPHA:.0f} % for all rows together: exact \
permutation
   test over the starts of the program, on the least quarter of each start's repeats
   (Westfall and Young); where one side was started after the other, also more than two
   single starts may differ by (t, Holm)
{Sureness.CHANCE.value}  within chance
{Sureness.UNDECIDED.value}  not told: more than repeats in one start differ by (Mann-Whitney U,
   Holm), or without repeats; but starts are too few ({_ENOUGH} of each side are enough), or the
   machine may have drifted from one side to the other
"""

_MARKS = {
    MatchedBy.HASH: "",
    MatchedBy.NAME: "",
    MatchedBy.RENUMBERED: " (renumbered)",
    MatchedBy.LAYER: " (same layer)",
    MatchedBy.RESHAPED: " (reshaped)",
    MatchedBy.WORK: " (same work)",
    MatchedBy.POSITION: " (same place)",
}


def parts_of(
    diff: Diff, before: str, after: str, *, top: int | None = None, verdict: str = ""
) -> list[Part]:
    """What changed from the side called ``before`` to the one called ``after``.

    Of the operators, the ``top`` longest alone; ``verdict`` comes before how it was told.
    """
    columns = [column for column in diff.columns if column == TIME or _has_change(diff, column)]
    parts: list[Part] = [Heading(f"{before} -> {after}", is_plain=True)]
    if diff.starts != (1, 1):
        turn = "in random order" if diff.in_turn else "one side after the other"
        parts.append(Prose(f"Starts: {diff.starts[0]} -> {diff.starts[1]}, {turn}\n"))
    parts.append(_table(diff, columns, top))
    if diff.settings:
        parts.append(_settings(diff))
    said = [*_said_of_columns(diff, columns)]
    if said:
        parts.append(Prose("".join(said)))
    if verdict:
        parts.append(Prose(verdict))
    return parts


def why_untold(diff: Diff) -> str:
    """Why changes are undecided, and what would decide them."""
    if not diff.enough_starts:
        return (
            f"Starts are too few: {diff.starts[0]} and {diff.starts[1]}; with {_ENOUGH} of each "
            f"side it can be told (vmprof run --processes {_ENOUGH}, or of two models vmprof diff "
            f"--processes {_ENOUGH})."
        )
    if diff.in_turn:
        return "Not every start has them."
    return (
        "One side was started after the other, and the machine may have drifted as far meanwhile: "
        f"vmprof diff --processes {_ENOUGH} BEFORE AFTER starts two models in random order."
    )


def describe_verdict(diff: Diff, found: Regressions, limit: Limit) -> str:
    """What exceeds ``limit``, and how sure that is."""
    what = f"{limit.percent:g} % more {visible(limit.column)}"
    parts = [
        _listed(f"Over {what}", found.sure),
        _listed(f"Over {what}, or not, which cannot be told", found.undecided),
        _listed(f"Over {what}, but within chance", found.chance),
    ]
    if not any(parts):
        parts.append(f"Nothing has over {what}.\n")
    if found.blind:
        parts.append(
            f"Cannot be told from chance: {found.blind} of {found.looked_at} changes. "
            f"{why_untold(diff)}\n"
        )
    return "".join(parts)


def _listed(title: str, changes: Sequence[tuple[str, Change]]) -> str:
    lines = [f"  {visible(name)}: {describe_change(change)}\n" for name, change in changes]
    return f"{title}:\n{''.join(lines)}" if lines else ""


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


def _said_of_columns(diff: Diff, columns: Sequence[str]) -> Iterator[str]:
    if len(columns) < len(diff.columns):
        unchanged = [column for column in diff.columns if column not in columns]
        yield f"The same in each row: {visible(', '.join(unchanged))}\n"
    if diff.one_sided:
        yield f"Only one of the two has: {visible(', '.join(diff.one_sided))}\n"
    for column, why in diff.not_compared.items():
        yield f"Not compared: {column}: {why}\n"


def _table(diff: Diff, columns: Sequence[str], top: int | None) -> Table:
    header = ["Name", "Argument Shapes", "Layer", "Count"]
    for column in columns:
        header += [column, "after", "change"]
    shown = diff.operators[:top]
    lines = [
        [
            _named(operator),
            operator.shapes,
            operator.layer,
            _counts(operator),
            *_cells(columns, operator.changes),
        ]
        for operator in shown
    ]
    lines += [[name, "", "", "", *_cells(columns, changes)] for name, changes in diff.whole.items()]
    left_out = len(diff.operators) - len(shown)
    text_columns = 3
    # Who has nothing to say has no column.
    if not any(operator.layer for operator in diff.operators):
        header, lines = _without(2, [header])[0], _without(2, lines)
        text_columns = 2
    places = range(text_columns + 1, len(header), 3)
    others = [[place, place + 1, place + 2] for place in places[1:]]
    return Table(
        header,
        lines,
        text_columns=text_columns,
        names=0,
        yielding=[[text_columns], *[[i] for i in range(text_columns - 1, 0, -1)], *others],
        sums=len(diff.whole),
        note=f"{left_out:,} more operators are not shown (--top)" if left_out else "",
    )


def _without(place: int, lines: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[*line[:place], *line[place + 1 :]] for line in lines]


def _named(operator: Operator) -> str:
    mark = _MARKS[operator.matched_by] if operator.matched_by else ""
    return f"{operator.name}{mark}"


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


def _settings(diff: Diff) -> Table:
    lines = [
        [name, format_metric(before) or "-", format_metric(after) or "-"]
        for name, (before, after) in diff.settings.items()
    ]
    header = ["Configuration", "before", "after"]
    return Table(header, lines, text_columns=3, names=0, wrapped=(1, 2))
