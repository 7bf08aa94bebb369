"""Is a difference between two sets of repeats more than chance?

The Mann-Whitney U test, two-sided, with its exact distribution (of many repeats
with the normal one, which then is as good). It asks nothing of how times are
distributed but that repeats are exchangeable. scipy would be a large dependency
for it, and its exact test is not for ties, which times of a clock with a step
have and counts even more. Here ties share their ranks, and the distribution is
that of these ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist

import numpy as np

# Repeats of both sides together. Above, the exact distribution takes long.
MOST_EXACT = 40


def p_value(before: Sequence[float], after: Sequence[float]) -> float:
    """The chance of a difference as large as that of ``before`` and ``after``, if there is none.

    1.0 if either is empty.
    """
    n, m = len(before), len(after)
    if not n or not m:
        return 1.0
    # Twice the ranks: whole numbers, even where ties share theirs.
    _, group, sizes = np.unique([*before, *after], return_inverse=True, return_counts=True)
    ranks = (2 * np.cumsum(sizes) - sizes + 1)[group]
    expected = n * (n + m + 1)
    distance = abs(int(ranks[:n].sum()) - expected)
    if n + m > MOST_EXACT:
        return _normal(distance / 2, n, m, sizes)
    return _exact(ranks, n, expected, distance)


def least_p_value(n: int, m: int) -> float:
    """The smallest that ``n`` and ``m`` repeats can give: 3 and 3 never get below 0.1."""
    return min(1.0, 2 / comb(n + m, n))


def binomial_tail(successes: int, trials: int) -> float:
    """The chance of at least so many heads of a coin thrown so many times."""
    return sum(comb(trials, count) for count in range(successes, trials + 1)) * 0.5**trials


def holm(p_values: Sequence[float]) -> list[float]:
    """``p_values`` adjusted for being so many (Holm's method), in the same order."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _exact(ranks: np.typing.NDArray[np.int64], n: int, expected: int, distance: int) -> float:
    """Of all choices of ``n`` of ``ranks``, the share whose sum is as far from the expected."""
    # ways[k, s]: choices of k of the ranks so far with the sum s
    ways = np.zeros((n + 1, int(ranks.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks.tolist():
        ways[1:, rank:] += ways[:-1, :-rank]
    sums = np.arange(ways.shape[1])
    extreme = ways[n, np.abs(sums - expected) >= distance].sum()
    return min(1.0, float(extreme / comb(len(ranks), n)))


def _normal(distance: float, n: int, m: int, ties: np.typing.NDArray[np.int64]) -> float:
    total = n + m
    tied = float(((ties.astype(float) ** 3) - ties).sum()) / (total * (total - 1))
    deviation = sqrt(n * m / 12 * (total + 1 - tied))
    if deviation == 0:
        return 1.0
    # Half a step back: the sum of ranks is a whole number.
    return 2 * NormalDist().cdf(-max(0.0, distance - 0.5) / deviation)
