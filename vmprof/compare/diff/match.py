"""Which operator of one report is which of another."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

from vmprof.values import Row


class MatchedBy(Enum):
    """From the surest to the least sure."""

    HASH = "hash"
    NAME = "name"
    # Compilers number operators of one kind; another operator before it moves the number.
    RENUMBERED = "name but for its numbers, in order"
    RESHAPED = "name but for its numbers, other shapes, in order"


@dataclass(frozen=True)
class Pair:
    """An operator before and after; None where it is new, or gone."""

    before: Row | None
    after: Row | None
    matched_by: MatchedBy | None


def match_rows(before: Sequence[Row], after: Sequence[Row]) -> list[Pair]:
    """Pairs of merged rows, those of ``after`` first, each in its order.

    By hash, shapes and device; then by name, shapes and device; the rest by name
    without numbers, in the order of the rows: first with the same shapes and
    device, then with any.
    """
    partners: dict[int, tuple[int, MatchedBy]] = {}
    left = dict(enumerate(before))
    for matched_by, key_of in _KEYS.items():
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for index, row in left.items():
            if (key := key_of(row)) is not None:
                waiting[key].append(index)
        for index, row in enumerate(after):
            if index not in partners and (queue := waiting.get(key_of(row))):
                partners[index] = queue.popleft(), matched_by
                del left[partners[index][0]]
    pairs = []
    for index, row in enumerate(after):
        partner, matched_by_ = partners.get(index, (None, None))
        pairs.append(Pair(None if partner is None else before[partner], row, matched_by_))
    return [*pairs, *(Pair(row, None, None) for row in left.values())]


def _hash(row: Row) -> Hashable:
    return (row["Hash"], *_place(row)) if row.get("Hash") else None


def _name(row: Row) -> Hashable:
    return (row["Name"], *_place(row)) if row.get("Name") else None


def _renumbered(row: Row) -> Hashable:
    return (_stem(row), *_place(row)) if row.get("Name") else None


def _reshaped(row: Row) -> Hashable:
    return _stem(row) if row.get("Name") else None


def _place(row: Row) -> tuple[Hashable, Hashable]:
    return row.get("Argument Shapes", ""), row.get("Device", "")


def _stem(row: Row) -> str:
    """``fused_conv2d6_add8`` and ``fused_conv2d_add_1`` are both ``fused_conv2d_add``."""
    return re.sub(r"_?\d+(?=_|$)", "", str(row["Name"]))


_KEYS: dict[MatchedBy, Callable[[Row], Hashable]] = {
    MatchedBy.HASH: _hash,
    MatchedBy.NAME: _name,
    MatchedBy.RENUMBERED: _renumbered,
    MatchedBy.RESHAPED: _reshaped,
}
