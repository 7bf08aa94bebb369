"""Which changes are worth stopping for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


# What rose, and how.
Named = tuple[str, Change]


@dataclass(frozen=True)
class Regressions:
    """What exceeds a limit, by how sure that is.

    ``sure`` is more than chance, ``chance`` is within it; of ``undecided`` repeats are too
    few to tell. ``looked_at`` is the number of changes that were compared with the limit,
    ``blind`` how many of those no repeats tell from chance.
    """

    sure: Sequence[Named]
    undecided: Sequence[Named]
    chance: Sequence[Named]
    looked_at: int
    blind: int


def regressions(diff: Diff, limit: Limit) -> Regressions:
    """Names and changes of what exceeds ``limit``.

    Raises :class:`VmprofError` if the reports do not both have the column, or it
    does not add up.
    """
    summed = diff.whole["Sum"]
    if limit.column not in summed:
        raise VmprofError(
            f"the two reports do not both have a column {limit.column!r} that adds up; "
            f"both have: {', '.join(summed) or 'none'}"
        )
    looked_at = [*_candidates(diff, limit)]
    over: dict[Sureness, list[Named]] = {sureness: [] for sureness in Sureness}
    for name, change in looked_at:
        if change.percent is not None and change.percent > limit.percent:
            over[change.sureness].append((name, change))
    return Regressions(
        sure=over[Sureness.REAL],
        undecided=over[Sureness.UNDECIDED],
        chance=over[Sureness.CHANCE],
        looked_at=len(looked_at),
        blind=sum(change.sureness is Sureness.UNDECIDED for _, change in looked_at),
    )


def _candidates(diff: Diff, limit: Limit) -> Iterator[Named]:
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
