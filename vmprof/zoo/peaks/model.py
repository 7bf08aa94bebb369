"""What a machine was measured to attain: one measurement, and several of them as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

# What is measured twice differs by less, if nothing else ran.
TOLERANCE = 0.03
MEMORY = "memory"

Positive = Annotated[float, Meta(gt=0, lt=1e15)]


class Rate(Struct, frozen=True):
    """``best`` of several batches, ``least`` the slowest; ``settled`` if the best came again."""

    best: Positive
    least: Positive
    settled: bool


class Level(Struct, frozen=True):
    """``rate`` in GB/s of the cache ``name``, whose ``bytes`` all threads have; None: of memory."""

    name: str
    bytes: int | None
    rate: Rate


class Peaks(Struct, frozen=True):
    """float32 operations in GFLOP/s, and bytes in GB/s of each level, the nearest first.

    ``levels`` end in memory. ``when`` is UTC, empty where nobody knows; of several
    ``measurements`` together, the last one's.
    """

    threads: Annotated[int, Meta(gt=0)]
    gflops: Rate
    levels: Annotated[tuple[Level, ...], Meta(min_length=1)]
    when: str = ""
    measurements: int = 1

    @property
    def bandwidth(self) -> Rate:
        """That of memory."""
        return self.levels[-1].rate

    @property
    def is_settled(self) -> bool:
        return all(rate.settled for _, rate in self.rates)

    @property
    def rates(self) -> list[tuple[str, Rate]]:
        """All of them, by what they are of and their unit."""
        of_levels = [(f"{level.name} GB/s", level.rate) for level in self.levels]
        return [("GFLOP/s", self.gflops), *of_levels]


def settled(
    batches: Sequence[Callable[[], float]], seconds: float, clock: Callable[[], float]
) -> list[Rate]:
    """The rates that ``batches`` give, each called until the best three are within 3 %.

    They take turns, so that what disturbs for a while disturbs none of them alone, and stop
    after ``seconds``; then some may not have settled.
    """
    found: list[list[float]] = [[] for _ in batches]
    ends = clock() + seconds
    while not all(map(_repeats, found)):
        if all(found) and clock() >= ends:
            break
        for batch, values in zip(batches, found, strict=True):
            if not _repeats(values):
                values.append(batch())
    return [Rate(max(values), min(values), _repeats(values)) for values in found]


def _repeats(values: Sequence[float]) -> bool:
    best = sorted(values, reverse=True)[:3]
    return len(best) == 3 and best[2] >= (1 - TOLERANCE) * best[0]


def best_of(history: Sequence[Peaks]) -> Peaks:
    """The highest of each rate that was ever measured: other work makes them lower, never higher.

    Levels are those of the last one that tells them apart.
    """
    last = history[-1]
    shaped = next((each for each in reversed(history) if len(each.levels) > 1), last)
    levels = tuple(
        Level(level.name, level.bytes, _highest(_of_level(history, level.name)))
        for level in shaped.levels
    )
    return Peaks(
        last.threads,
        _highest([each.gflops for each in history]),
        levels,
        last.when,
        sum(each.measurements for each in history),
    )


def _of_level(history: Sequence[Peaks], name: str) -> list[Rate]:
    return [level.rate for each in history for level in each.levels if level.name == name]


def _highest(rates: Sequence[Rate]) -> Rate:
    """Settled if the best one is, or another that comes within 3 % of it."""
    best = max(rates, key=lambda rate: rate.best)
    near = [rate for rate in rates if rate.best >= (1 - TOLERANCE) * best.best]
    return Rate(
        best.best, min(rate.least for rate in near), len(near) > 1 or any(r.settled for r in near)
    )
