"""One value before and after, and whether the difference is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from vmprof.compare.significance import holm, least_p_value, p_value
from vmprof.report.columnwise import number
from vmprof.values import SAMPLES_SUFFIX, Row, Samples

ALPHA = 0.05


class Sureness(Enum):
    """Of a difference. ``UNDECIDED``: no repeats, or too few for any difference to show."""

    REAL = "*"
    CHANCE = "~"
    UNDECIDED = "?"


@dataclass(frozen=True)
class Change:
    """``p`` is adjusted for all that were compared at once; None where it cannot be told."""

    before: float | None
    after: float | None
    p: float | None = None

    @property
    def percent(self) -> float | None:
        """Of ``before``; None where there is nothing to relate to."""
        if self.before is None or self.after is None or not self.before:
            return None
        return 100 * (self.after - self.before) / self.before

    @property
    def sureness(self) -> Sureness:
        if self.p is None:
            return Sureness.UNDECIDED
        return Sureness.REAL if self.p <= ALPHA else Sureness.CHANCE


def changes_of(column: str, pairs: Sequence[tuple[Row | None, Row | None]]) -> list[Change]:
    """The changes of ``column`` from row to row.

    Those whose rows have samples are tested together. Where their number and
    that of the repeats would let no difference count as more than chance, ``p``
    is None.
    """
    changes = [Change(_value(before, column), _value(after, column)) for before, after in pairs]
    samples = [(_samples(before, column), _samples(after, column)) for before, after in pairs]
    tested = [index for index, (before, after) in enumerate(samples) if before and after]
    adjusted = holm([p_value(*samples[index]) for index in tested])
    for index, p in zip(tested, adjusted, strict=True):
        before, after = samples[index]
        if len(tested) * least_p_value(len(before), len(after)) <= ALPHA:
            changes[index] = replace(changes[index], p=p)
    return changes


def _value(row: Row | None, column: str) -> float | None:
    return None if row is None else number(row.get(column))


def _samples(row: Row | None, column: str) -> tuple[float, ...]:
    metric = None if row is None else row.get(f"{column}{SAMPLES_SUFFIX}")
    return metric.values if isinstance(metric, Samples) else ()
