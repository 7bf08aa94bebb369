"""One value before and after, and whether the difference is more than chance.

There are two levels of chance. Repeats in one start of a program differ; starts of it differ by
more than that, and what makes them differ drifts with the hours. So:

- By the repeats alone nothing is more than chance. But what they do not tell apart is chance.
- Whether starts differ, an exact permutation test over the starts tells
  (:mod:`vmprof.compare.permutation`), if there are enough of them.
- If all starts of one side came before those of the other, each side has seen one hour of the
  machine: its starts count as one. A difference must then also be larger than two single starts
  may have (a t-test, by Holm's method for all rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import variance

from vmprof.compare.diff.side import SideRow
from vmprof.compare.permutation import Starts, chances, least_chance
from vmprof.compare.significance import holm, least_p_value, p_value, t_chance

# At most 1 of 100 comparisons of what is the same finds any difference that is called real.
ALPHA = 0.01


class Sureness(Enum):
    """Of a difference. ``UNDECIDED``: it may be chance, or not; starts or repeats are too few."""

    REAL = "*"
    CHANCE = "~"
    UNDECIDED = "?"


@dataclass(frozen=True)
class Change:
    """``before`` and ``after`` are means over the starts.

    The chance of such a difference if there is none: ``p`` from start to start, ``p_drift`` if
    the starts of a side count as one, ``p_repeats`` from repeat to repeat; each adjusted for all
    that were compared at once, None where it cannot be told, or need not be.
    """

    before: float | None
    after: float | None
    p: float | None = None
    p_drift: float | None = None
    p_repeats: float | None = None

    @property
    def percent(self) -> float | None:
        """Of ``before``; None where there is nothing to relate to."""
        if self.before is None or self.after is None or not self.before:
            return None
        return 100 * (self.after - self.before) / self.before

    @property
    def sureness(self) -> Sureness:
        if self.p is None:
            within = self.p_repeats is not None and self.p_repeats > ALPHA
            return Sureness.CHANCE if within else Sureness.UNDECIDED
        if self.p > ALPHA:
            return Sureness.CHANCE
        may_drift = self.p_drift is not None and self.p_drift > ALPHA
        return Sureness.UNDECIDED if may_drift else Sureness.REAL


def changes_of(
    column: str, pairs: Sequence[tuple[SideRow | None, SideRow | None]], *, in_turn: bool
) -> list[Change]:
    """The changes of ``column`` from row to row, which are tested together.

    ``in_turn``: the starts of both sides were made in random order.
    """
    changes = [Change(_value(before, column), _value(after, column)) for before, after in pairs]
    complete = [
        (before, after) for before, after in pairs if before is not None and after is not None
    ]
    places = [index for index, pair in enumerate(pairs) if None not in pair]
    tests: list[tuple[str, list[float | None]]] = [
        ("p_repeats", _by_repeats(column, complete)),
        ("p", _by_starts(column, complete)),
    ]
    if not in_turn:
        tests.append(("p_drift", _by_drift(column, complete)))
    for name, ps in tests:
        for index, p in zip(places, ps, strict=True):
            changes[index] = replace(changes[index], **{name: p})
    return changes


_Complete = Sequence[tuple[SideRow, SideRow]]


def _by_repeats(column: str, pairs: _Complete) -> list[float | None]:
    samples = [(before.samples(column), after.samples(column)) for before, after in pairs]
    tested = [index for index, (before, after) in enumerate(samples) if before and after]
    adjusted = holm([p_value(*samples[index]) for index in tested])
    found: list[float | None] = [None] * len(pairs)
    for index, p in zip(tested, adjusted, strict=True):
        # With few repeats no difference would be more than chance, and that says nothing.
        if len(tested) * least_p_value(*map(len, samples[index])) <= ALPHA:
            found[index] = p
    return found


def _by_starts(column: str, pairs: _Complete) -> list[float | None]:
    found: list[float | None] = [None] * len(pairs)
    tested = _in_all_starts(column, pairs)
    if not tested or least_chance(*(len(side.starts) for side in pairs[0])) > ALPHA:
        return found
    rows = [
        Starts(
            before.undisturbed(column),
            after.undisturbed(column),
            max(before.noise(column), after.noise(column)),
        )
        for before, after in (pairs[index] for index in tested)
    ]
    for index, p in zip(tested, chances(rows), strict=True):
        found[index] = p
    return found


def _by_drift(column: str, pairs: _Complete) -> list[float | None]:
    found: list[float | None] = [None] * len(pairs)
    tested = _in_all_starts(column, pairs)
    if not tested or sum(len(side.starts) for side in pairs[0]) < 3:
        return found
    ps = [_as_single_starts(*(side.undisturbed(column) for side in pairs[i])) for i in tested]
    for index, p in zip(tested, holm(ps), strict=True):
        found[index] = p
    return found


def _in_all_starts(column: str, pairs: _Complete) -> list[int]:
    """The rows in which each start has the column."""
    return [
        index
        for index, sides in enumerate(pairs)
        if all(len(side.undisturbed(column)) == len(side.starts) for side in sides)
    ]


def _as_single_starts(before: Sequence[float], after: Sequence[float]) -> float:
    """The chance that two starts of one program differ by as much as the means do."""
    freedom = len(before) + len(after) - 2
    spread = sum((len(side) - 1) * variance(side) for side in (before, after) if len(side) > 1)
    difference = abs(sum(after) / len(after) - sum(before) / len(before))
    return t_chance(difference, (2 * spread / freedom) ** 0.5, freedom)


def _value(row: SideRow | None, column: str) -> float | None:
    return None if row is None else row.value(column)
