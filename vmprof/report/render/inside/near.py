"""What of a long list to show: what has samples, and what is near it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

_NEAR = 3
_LEAST_GAP = 3

Item = TypeVar("Item")


@dataclass(frozen=True)
class Gap(Generic[Item]):
    """``items`` that follow each other and are not shown."""

    items: Sequence[Item]


def near(
    items: Sequence[Item], samples: Sequence[int], most: int | None = None
) -> Iterator[Item | Gap[Item]]:
    """Those of ``items`` near one that has ``samples``, and gaps for the others.

    With ``most``, near one of that many that have the most.
    """
    chosen = {at for at, count in enumerate(samples) if count}
    if most is not None and len(chosen) > most:
        chosen = set(sorted(chosen, key=lambda at: -samples[at])[:most])
    shown = {at for each in chosen for at in range(each - _NEAR, each + _NEAR + 1)}
    for is_shown, group in groupby(enumerate(items), key=lambda pair: pair[0] in shown):
        of = [item for _, item in group]
        if is_shown or len(of) < _LEAST_GAP:
            yield from of
        else:
            yield Gap(of)
