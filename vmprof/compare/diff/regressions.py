"""Which changes are worth stopping for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmprof.compare.diff.change import Change, Sureness
from vmprof.compare.diff.diff import Diff
from vmprof.errors import VmprofError


@dataclass(frozen=True)
class Limit:
    """An increase of ``column`` by more than ``percent`` is too much.

    Of operators, only those that make up ``share`` percent of Sum, before or
    after, are looked at.
    """

    percent: float
    column: str
    share: float


def regressions(diff: Diff, limit: Limit) -> list[tuple[str, Change]]:
    """Names and changes of what exceeds ``limit``, and is not within chance.

    Where repeats are too few to tell, the size of the change alone decides.
    Raises :class:`VmprofError` if the reports do not both have the column, or it
    does not add up.
    """
    summed = diff.whole["Sum"]
    if limit.column not in summed:
        raise VmprofError(
            f"the two reports do not both have a column {limit.column!r} that adds up; "
            f"both have: {', '.join(summed) or 'none'}"
        )
    return [
        (name, change)
        for name, change in _candidates(diff, limit)
        if change.percent is not None
        and change.percent > limit.percent
        and change.sureness is not Sureness.CHANCE
    ]


def _candidates(diff: Diff, limit: Limit) -> Iterator[tuple[str, Change]]:
    for name, changes in diff.whole.items():
        if limit.column in changes:
            yield name, changes[limit.column]
    total = diff.whole["Sum"][limit.column]
    for operator in diff.operators:
        change = operator.changes[limit.column]
        if _share(change, total) >= limit.share:
            yield operator.name, change


def _share(change: Change, total: Change) -> float:
    """In percent, the larger of before and after."""
    parts = ((change.before, total.before), (change.after, total.after))
    return max((100 * part / whole for part, whole in parts if part and whole), default=0.0)
