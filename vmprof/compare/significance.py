"""Is a difference between two sets of repeats more than chance?

The Mann-Whitney U test, two-sided, with its exact distribution (of many repeats
with the normal one, which then is as good). It asks nothing of how times are
distributed but that repeats are exchangeable. scipy would be a large dependency
for it, and its exact test is not for ties, which times of a clock with a step
have and counts even more. Here ties share their ranks, and the distribution is
that of these ranks. What repeats in one start of a program do not show, see
:mod:`vmprof.compare.permutation`.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import atan2, comb, cos, isfinite, isnan, pi, sin, sqrt
from statistics import NormalDist

# Repeats of both sides together. Above, the exact distribution takes long.
MOST_EXACT = 40
_SLOT = 64  # bits; of 40 repeats there are 1.4e11 choices


def p_value(before: Sequence[float], after: Sequence[float]) -> float:
    """The chance of a difference as large as that of ``before`` and ``after``, if there is none.

    1.0 if either is empty.
    """
    n, m = len(before), len(after)
    if not n or not m:
        return 1.0
    ranks, ties = _twice_the_ranks([*before, *after])
    expected = n * (n + m + 1)
    distance = abs(sum(ranks[:n]) - expected)
    if n + m > MOST_EXACT:
        return _normal(distance / 2, n, m, ties)
    return _exact(ranks, n, expected, distance)


def _twice_the_ranks(values: Sequence[float]) -> tuple[list[int], list[int]]:
    """Whole numbers, even where ties share theirs; and how many each of the values has.

    What is no number comes last, as one value.
    """
    keys = [(isnan(value), 0.0 if isnan(value) else value) for value in values]
    sizes = Counter(keys)
    ends = accumulate(sizes[key] for key in sorted(sizes))
    rank_of = {key: 2 * end - sizes[key] + 1 for key, end in zip(sorted(sizes), ends, strict=True)}
    return [rank_of[key] for key in keys], [*sizes.values()]


def least_p_value(n: int, m: int) -> float:
    """The smallest that ``n`` and ``m`` repeats can give: 3 and 3 never get below 0.1."""
    return min(1.0, 2 / comb(n + m, n))


def t_chance(difference: float, deviation: float, freedom: int) -> float:
    """The chance of ``difference`` or more, either way, by Student's t distribution.

    ``deviation`` is its standard deviation, estimated with so many degrees of ``freedom``. 1.0 if
    one of them is no finite number, or there is no difference.
    """
    if not (isfinite(difference) and isfinite(deviation)) or not difference:
        return 1.0
    # The closed forms for whole degrees of freedom, as finite series of the angle.
    angle = atan2(abs(difference), deviation * sqrt(freedom))
    term, within = (1.0, 0.0) if freedom % 2 == 0 else (cos(angle), angle)
    for step in range(2 + freedom % 2, freedom + 1, 2):
        within += sin(angle) * term
        term *= (step - 1) / step * cos(angle) ** 2
    return min(1.0, max(0.0, 1.0 - (within if freedom % 2 == 0 else 2 / pi * within)))


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


def _exact(ranks: Sequence[int], n: int, expected: int, distance: int) -> float:
    """Of all choices of ``n`` of ``ranks``, the share whose sum is as far from the expected."""
    # ways[k] holds, in slots of 64 bits, how many choices of k of the ranks so far have the
    # sum s: to add whole numbers adds all slots, to shift by s slots adds s to every sum.
    # No slot runs over, since all choices together are fewer.
    ways = [1, *[0] * n]
    for done, rank in enumerate(ranks):
        for k in range(min(done + 1, n), 0, -1):
            ways[k] += ways[k - 1] << (_SLOT * rank)
    size = _SLOT // 8 * (sum(ranks) + 1)
    choices: tuple[int, ...] = struct.unpack(f"<{size // 8}Q", ways[n].to_bytes(size, "little"))
    extreme = sum(
        number for total, number in enumerate(choices) if abs(total - expected) >= distance
    )
    return extreme / comb(len(ranks), n)


def _normal(distance: float, n: int, m: int, ties: Sequence[int]) -> float:
    total = n + m
    tied = sum(size**3 - size for size in ties) / (total * (total - 1))
    deviation = sqrt(n * m / 12 * (total + 1 - tied))
    if deviation == 0:
        return 1.0
    # Half a step back: the sum of ranks is a whole number.
    return 2 * NormalDist().cdf(-max(0.0, distance - 0.5) / deviation)
