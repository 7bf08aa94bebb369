"""Two sides, operator by operator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmprof.compare.diff.change import ALPHA, Change, changes_of
from vmprof.compare.diff.match import LAYER, MatchedBy, match_rows
from vmprof.compare.diff.side import TIME, Side, SideRow
from vmprof.compare.permutation import least_chance
from vmprof.report.columnwise import number
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import PER_START_SUFFIX, Count, Metric, Samples

# What was measured, not how; compared elsewhere, if at all.
_HOW_WARM = "Measured runs"
_MEASURED = ("Empty call ", "Unprofiled ", "In no row ")


@dataclass(frozen=True)
class Operator:
    """All calls of one operator, before and after.

    ``name``, ``shapes`` and ``layer`` are those after, of an operator that is gone those
    before; ``name_before`` is the name before, if it had another one. ``changes`` are by column.
    """

    name: str
    name_before: str | None
    shapes: str
    layer: str
    count_before: int | None
    count_after: int | None
    matched_by: MatchedBy | None
    changes: Mapping[str, Change]


@dataclass(frozen=True)
class Diff:
    """``operators`` have the longest first; ``whole`` is the run: Sum, Total, and unprofiled.

    ``columns`` are those that both sides have, ``one_sided`` those that one
    has; ``not_compared`` says of numbers that any has why they are not among them.
    ``settings`` are the lines of Configuration that differ. ``starts`` is how often the
    program was started for either side, ``in_turn`` whether that was in random order.
    """

    operators: tuple[Operator, ...]
    whole: Mapping[str, Mapping[str, Change]]
    columns: tuple[str, ...]
    one_sided: tuple[str, ...]
    settings: Mapping[str, tuple[Metric | None, Metric | None]]
    starts: tuple[int, int] = (1, 1)
    in_turn: bool = False
    not_compared: Mapping[str, str] = field(default_factory=dict)

    @property
    def enough_starts(self) -> bool:
        """Whether a difference can be more than chance at all."""
        return least_chance(*self.starts) <= ALPHA


@uncollected()
def diff_reports(
    before: Report | Sequence[Report], after: Report | Sequence[Report], *, in_turn: bool = False
) -> Diff:
    """What changed from ``before`` to ``after``, each a report or those of several starts.

    A report that is of several starts itself (``vmprof run --processes``) counts as so many.
    ``in_turn``: the starts of both sides were made in random order, so that no drift of the
    machine can pass for a difference between them.
    """
    sides = [Side([each] if isinstance(each, Report) else each) for each in (before, after)]
    old, new = sides
    columns = sorted({*old.columns} & {*new.columns}, key=lambda name: (name != TIME, name))
    pairs = match_rows([row.first for row in old.rows], [row.first for row in new.rows])
    rows = [
        (
            None if pair.before is None else old.rows[pair.before],
            None if pair.after is None else new.rows[pair.after],
        )
        for pair in pairs
    ]
    names = [name for name in old.wholes if name in new.wholes]
    wholes = [(old.wholes[name], new.wholes[name]) for name in names]
    by_column = {
        column: changes_of(column, [*rows, *wholes], in_turn=in_turn) for column in columns
    }
    operators = [
        _operator(pair, how.matched_by, {c: changes[i] for c, changes in by_column.items()})
        for i, (pair, how) in enumerate(zip(rows, pairs, strict=True))
    ]
    operators.sort(key=_longest, reverse=True)
    return Diff(
        operators=tuple(operators),
        whole={
            name: {
                column: change
                for column, changes in by_column.items()
                if None not in ((change := changes[place]).before, change.after)
            }
            for place, name in enumerate(names, start=len(rows))
        },
        columns=tuple(columns),
        one_sided=tuple(sorted({*old.columns} ^ {*new.columns})),
        settings=dict(_settings(old, new)),
        starts=(len(old.starts), len(new.starts)),
        in_turn=in_turn,
        not_compared={**old.not_compared, **new.not_compared},
    )


def _operator(
    pair: tuple[SideRow | None, SideRow | None],
    matched_by: MatchedBy | None,
    changes: Mapping[str, Change],
) -> Operator:
    before, after = (None if side is None else side.first for side in pair)
    named = after or before or {}
    old_name = None if before is None or after is None else str(before.get("Name", ""))
    return Operator(
        name=str(named.get("Name", "")),
        name_before=old_name if old_name != named.get("Name", "") else None,
        shapes=str(named.get("Argument Shapes", "")),
        layer=str(named.get(LAYER, "")),
        count_before=_count(pair[0]),
        count_after=_count(pair[1]),
        matched_by=matched_by,
        changes=changes,
    )


def _count(row: SideRow | None) -> int | None:
    count = None if row is None else row.first.get("Count")
    return count.value if isinstance(count, Count) else None


def _longest(operator: Operator) -> float:
    change = operator.changes.get(TIME)
    return max(change.before or 0.0, change.after or 0.0) if change else 0.0


def _settings(
    before: Side, after: Side
) -> Iterator[tuple[str, tuple[Metric | None, Metric | None]]]:
    """Those of which no start before says what one after says."""
    names = [
        name for side in (before, after) for start in side.starts for name in start.configuration
    ]
    for name in dict.fromkeys(names):
        if name.startswith(_MEASURED) or name.endswith(PER_START_SUFFIX):
            continue
        old, new = before.setting(name), after.setting(name)
        numbers = [number(metric) for metric in (*old, *new)]
        varies = max(len(old), len(new)) > 1 and None not in numbers
        same = not {*old}.isdisjoint(new)
        if name == _HOW_WARM:  # how often depends on how long it took
            same = _without_numbers(old[0]) == _without_numbers(new[0])
        if not same and not varies and not isinstance((*old, *new)[0], Samples):
            yield name, (old[0], new[0])


def _without_numbers(metric: Metric | None) -> str:
    return re.sub(r"\d+", "", str(metric))
