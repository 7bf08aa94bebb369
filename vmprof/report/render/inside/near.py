"""What of a long list to show: what has samples, and what is near it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeVar

_NEAR = 3
_LEAST_GAP = 3

Item = TypeVar("Item")


def near(items: Sequence[Item], sampled: Sequence[bool]) -> Iterator[Item | int]:
    """Those of ``items`` near one that is ``sampled``; of others how many follow each other."""
    shown = [any(sampled[max(0, at - _NEAR) : at + _NEAR + 1]) for at in range(len(items))]
    for is_shown, group in groupby(zip(shown, items, strict=True), key=lambda pair: pair[0]):
        of = [item for _, item in group]
        if is_shown or len(of) < _LEAST_GAP:
            yield from of
        else:
            yield len(of)
