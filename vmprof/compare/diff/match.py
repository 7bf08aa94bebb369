"""Which operator of one report is which of another."""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod

from vmprof.report.columnwise import number
from vmprof.values import FLOPS, Row

LAYER = "Layer"
# What fusing an addition or a ReLU into a kernel adds to its operations, at most.
_SAME_WORK = 0.05
# Of an extent; what is longer is damage.
_MOST_DIGITS = 18
_DIMENSIONS = re.compile(r"\[([^\]]*)\]")


class MatchedBy(Enum):
    """From the surest to the least sure."""

    HASH = "hash"
    NAME = "name"
    # Compilers number operators of one kind; another operator before it moves the number.
    RENUMBERED = "name but for its numbers, in order"
    # Of another layout, or fused with others: another name, for the same part of the model.
    LAYER = "layer"
    RESHAPED = "name but for its numbers, other shapes, in order"
    WORK = "nearly the same operations per call"
    POSITION = "place between operators that are the same, arguments of the same sizes"


@dataclass(frozen=True)
class Pair:
    """The numbers of a row before and of one after; None where it is new, or gone."""

    before: int | None
    after: int | None
    matched_by: MatchedBy | None


def match_rows(before: Sequence[Row], after: Sequence[Row]) -> list[Pair]:
    """Pairs of merged rows, those of ``after`` first, each in its order.

    By hash, shapes and device; then by name, shapes and device; then by name without numbers,
    shapes and device, in the order of the rows; then by layer, where one has it alone on either
    side; then by name without numbers, whatever the shapes. What is left, by operations per
    call, and by where it stands.
    """
    matching = _Matching(before, after)
    for matched_by, key_of in _KEYS.items():
        matching.by_key(matched_by, key_of, alone=matched_by is MatchedBy.LAYER)
    matching.by_work()
    matching.by_position()
    alone = (None, None)
    pairs = []
    for index in range(len(after)):
        other, how = matching.partners.get(index, alone)
        pairs.append(Pair(other, index, how))
    return [*pairs, *(Pair(index, None, None) for index in matching.left)]


class _Matching:
    """``partners`` has of rows after that have one its number before; ``left`` is without one."""

    def __init__(self, before: Sequence[Row], after: Sequence[Row]) -> None:
        self._before = before
        self._after = after
        self.partners: dict[int, tuple[int, MatchedBy]] = {}
        self.left = dict(enumerate(before))

    def by_key(
        self, matched_by: MatchedBy, key_of: Callable[[Row], Hashable], *, alone: bool
    ) -> None:
        """Those of one key, in order; ``alone``: only if either side has it once."""
        waiting = _grouped(self.left, key_of)
        coming = _grouped(self._lonely(), key_of)
        for key, indices in coming.items():
            others = waiting.get(key, deque())
            if alone and (len(indices) > 1 or len(others) > 1):
                continue
            for index, other in zip(indices, others, strict=False):
                self._pair(index, other, matched_by)

    def by_work(self) -> None:
        """The nearest in operations per call; of several, the nearest in place."""
        work = {index: _work(row) for index, row in self.left.items()}
        found = []
        for index, row in self._lonely().items():
            mine = _work(row)
            for other, its in work.items():
                if mine and its and abs(mine - its) <= _SAME_WORK * max(mine, its):
                    apart = abs(index / len(self._after) - other / len(self._before))
                    found.append((abs(mine / its - 1), apart, index, other))
        for _, _, index, other in sorted(found):
            if index not in self.partners and other in self.left:
                self._pair(index, other, MatchedBy.WORK)

    def by_position(self) -> None:
        """Those of one key that stand between the same two pairs, as many on either side."""
        anchors = sorted((other, index) for index, (other, _) in self.partners.items())
        # Pairs that stand in the same order on both sides, or nothing stands between them.
        rising: list[tuple[int, int]] = []
        for other, index in anchors:
            if not rising or index > rising[-1][1]:
                rising.append((other, index))
        places_before = [other for other, _ in rising]
        places_after = [index for _, index in rising]
        waiting = _grouped(self.left, _sizes, lambda i: bisect(places_before, i))
        coming = _grouped(self._lonely(), _sizes, lambda i: bisect(places_after, i))
        for key, indices in coming.items():
            others = waiting.get(key, deque())
            if len(others) == len(indices):
                for index, other in zip(indices, others, strict=True):
                    self._pair(index, other, MatchedBy.POSITION)

    def _lonely(self) -> dict[int, Row]:
        return {i: row for i, row in enumerate(self._after) if i not in self.partners}

    def _pair(self, index: int, other: int, matched_by: MatchedBy) -> None:
        self.partners[index] = other, matched_by
        del self.left[other]


def _grouped(
    rows: Mapping[int, Row],
    key_of: Callable[[Row], Hashable],
    place_of: Callable[[int], Hashable] = lambda _: None,
) -> dict[Hashable, deque[int]]:
    groups: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for index, row in rows.items():
        if (key := key_of(row)) is not None:
            groups[key, place_of(index)].append(index)
    return groups


def _hash(row: Row) -> Hashable:
    return (row["Hash"], *_place(row)) if row.get("Hash") else None


def _name(row: Row) -> Hashable:
    return (row["Name"], *_place(row)) if row.get("Name") else None


def _renumbered(row: Row) -> Hashable:
    return (_stem(row), *_place(row)) if row.get("Name") else None


def _layer(row: Row) -> Hashable:
    return row.get(LAYER) or None


def _reshaped(row: Row) -> Hashable:
    return _stem(row) if row.get("Name") else None


def _place(row: Row) -> tuple[Hashable, Hashable]:
    return row.get("Argument Shapes", ""), row.get("Device", "")


def _stem(row: Row) -> str:
    """``fused_conv2d6_add8`` and ``fused_conv2d_add_1`` are both ``fused_conv2d_add``."""
    return re.sub(r"_?\d+(?=_|$)", "", str(row["Name"]))


def _work(row: Row) -> float:
    """Operations per call; 0 where they are not known."""
    return (number(row.get(FLOPS)) or 0.0) / (number(row.get("Count")) or 1.0)


def _sizes(row: Row) -> Hashable:
    """How many elements the arguments have, which no layout changes; None without arguments."""
    sizes = sorted(map(_elements, _DIMENSIONS.findall(str(row.get("Argument Shapes", "")))))
    return (*sizes, row.get("Device", "")) if sizes else None


def _elements(dimensions: str) -> int:
    numbers: Iterable[str] = (part.strip() for part in dimensions.split(","))
    return prod(int(part) for part in numbers if part.isdecimal() and len(part) <= _MOST_DIGITS)


_KEYS: dict[MatchedBy, Callable[[Row], Hashable]] = {
    MatchedBy.HASH: _hash,
    MatchedBy.NAME: _name,
    MatchedBy.RENUMBERED: _renumbered,
    MatchedBy.LAYER: _layer,
    MatchedBy.RESHAPED: _reshaped,
}
