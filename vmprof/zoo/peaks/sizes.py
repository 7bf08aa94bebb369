"""How much data to move where: so much that it is in one cache, and not in a nearer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.counters.hardware.cache_levels import CacheLevel
from vmprof.zoo.peaks.model import MEMORY

# Several times what the nearer cache holds, or that would be measured.
_TIMES_NEARER = 4
_TIMES_LARGEST = 2
_LEAST_MEMORY, _MOST_MEMORY = 1 << 27, 1 << 29
# Pieces of work per thread: in memory some are slower than others.
_SLICES = 8
# Data that are this many times as large as a cache are not in it.
_TELLS_APART = 1.25


@dataclass(frozen=True)
class Place:
    """``size`` bytes in all are in ``name``, which holds ``bytes`` for all threads (None: memory).

    Each thread has ``slices`` of them.
    """

    name: str
    bytes: int | None
    size: int
    slices: int


def places(levels: Sequence[CacheLevel], largest: int, threads: int) -> list[Place]:
    """Of each of ``levels`` that can be told from the one before it, and of memory.

    ``largest`` is what the largest cache of this machine holds, in bytes.
    """
    found: list[Place] = []
    nearer = 0
    for level in levels:
        holds = level.bytes_for(threads)
        size = _size(nearer, holds)
        if size > _TELLS_APART * nearer:
            found.append(Place(f"L{level.level}", holds, size, 1))
            nearer = holds
    size = min(max(_TIMES_LARGEST * max(largest, nearer), _LEAST_MEMORY), _MOST_MEMORY)
    return [*found, Place(MEMORY, None, size, _SLICES)]


def _size(nearer: int, holds: int) -> int:
    """Half of what the cache holds, or less; more where the nearer one holds nearly as much."""
    size = holds // 2
    if nearer:
        size = min(size, _TIMES_NEARER * nearer)
        if size < 2 * nearer:
            size = min(2 * nearer, holds)
    return size
