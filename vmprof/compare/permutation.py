"""Do starts of a program differ by more than chance? An exact permutation test, row by row.

Each start is one value of each row, however many repeats it had: what differs from start to
start (where memory lies, what else runs meanwhile) is the same for all repeats of one. If a
change did nothing, it does not matter which starts are called before and which after; so the
chance of a difference is the share of all ways to deal the starts out that make one as large.
Nothing is asked of how times are distributed, nor of rows: all rows of a start are dealt out
together, so that what slows one and the other at once counts once (Westfall and Young's
step-down maximum over the rows, which bounds the chance that any row is called by mistake).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, isfinite, sqrt

# Ways to deal the starts out times rows. Above, ways are drawn.
_MOST_EXACT = 500_000
_DRAWN = 1_000  # at least; so many bound p from below by 0.001
_TIE = 1e-9  # what the addition of floating-point numbers leaves


@dataclass(frozen=True)
class Starts:
    """One row's value in each start, before and after.

    ``noise`` is the variance that the value of one start has by itself, from repeat to
    repeat; differences far below it are not made much of, should starts agree by luck.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    noise: float = 0.0


def least_chance(before: int, after: int) -> float:
    """The smallest chance that so many starts of either side can give."""
    if not before or not after:
        return 1.0
    return min(1.0, (2 if before == after else 1) / comb(before + after, before))


def enough_starts(alpha: float) -> int:
    """How many of each side it takes for a chance of at most ``alpha``."""
    return next(n for n in range(1, 1000) if least_chance(n, n) <= alpha)


def chances(rows: Sequence[Starts]) -> list[float]:
    """For each of ``rows``, the chance of such a difference in any of them, if there is none.

    All rows have the same numbers of starts. Where values are not finite it is 1.
    """
    if not rows:
        return []
    before, after = len(rows[0].before), len(rows[0].after)
    scaled = [_scaled(row) for row in rows]
    observed = [abs(sum(values[:before])) for values in scaled]
    order = sorted(range(len(rows)), key=observed.__getitem__, reverse=True)
    exceeding = [0] * len(rows)
    ways = 0
    for chosen in _ways(before, after, len(rows)):
        ways += 1
        # From the row of the least difference to that of the largest: the largest of those
        # that are left when the larger ones are called real.
        largest = 0.0
        for index in reversed(order):
            values = scaled[index]
            largest = max(largest, abs(sum([values[start] for start in chosen])))
            exceeding[index] += largest >= observed[index] - _TIE
    result = [1.0] * len(rows)
    highest = 0.0
    for index in order:
        highest = max(highest, exceeding[index] / ways)
        result[index] = highest if observed[index] > _TIE else 1.0
    return result


def _scaled(row: Starts) -> list[float]:
    """The values less their mean, over what they vary by whoever is called before and after."""
    values = [*row.before, *row.after]
    if not all(map(isfinite, values)):
        return [0.0] * len(values)
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    scale = sqrt(variance + row.noise)
    return [(value - mean) / scale if scale else 0.0 for value in values]


def _ways(before: int, after: int, rows: int) -> Iterator[Sequence[int]]:
    """The starts that may be those before: the ones that are, then others; all, or drawn ones."""
    total = before + after
    ways = comb(total, before)
    if ways * rows * before <= _MOST_EXACT:
        yield from combinations(range(total), before)
        return
    # Always the same ones, so that a diff of the same files says the same. What is there counts
    # as one of them, which keeps the chance above 0 and the test exact.
    generator = random.Random(0)  # noqa: S311
    yield range(before)
    for _ in range(max(_DRAWN, _MOST_EXACT // (rows * before))):
        yield generator.sample(range(total), before)
