"""Did what was repeated become slower or faster over the run?

Kendall's test of the repeats against their order (Mann and Kendall), with its exact
distribution: it asks nothing of how times are distributed, and sees steps as well as slopes.
Values that are the same count for neither direction, which makes it more careful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, factorial, sqrt
from statistics import NormalDist, median

# Above, the normal distribution is as good.
_MOST_EXACT = 60


@dataclass(frozen=True)
class Trend:
    """The last third of the repeats is ``percent`` slower than the first, by their medians.

    ``p`` is the chance of a trend as clear as theirs, or a clearer one, if there is none.
    """

    percent: float
    p: float


def trend_of(values: Sequence[float]) -> Trend | None:
    """None of fewer than three values, or where the first third took no time."""
    third = len(values) // 3
    if not third:
        return None
    first, last = median(values[:third]), median(values[-third:])
    if first <= 0:
        return None
    return Trend(100 * (last / first - 1), p_of_trend(values))


def p_of_trend(values: Sequence[float]) -> float:
    """Two-sided."""
    number = len(values)
    pairs = comb(number, 2)
    rising = sum(
        (later > earlier) - (later < earlier)
        for place, earlier in enumerate(values)
        for later in values[place + 1 :]
    )
    if number > _MOST_EXACT:
        deviation = sqrt(number * (number - 1) * (2 * number + 5) / 18)
        return min(1.0, 2 * NormalDist().cdf((1 - abs(rising)) / deviation))
    # Of all orders, the share in which as few pairs, or fewer, are on the smaller side.
    few = (pairs - abs(rising)) // 2
    return min(1.0, 2 * sum(_orders(number)[: few + 1]) / factorial(number))


@lru_cache(maxsize=8)
def _orders(number: int) -> tuple[int, ...]:
    """How many orders of ``number`` things have 0, 1, 2, ... pairs the wrong way round."""
    orders = [1]
    for size in range(2, number + 1):
        longer = [0] * (len(orders) + size - 1)
        for place, ways in enumerate(orders):
            for more in range(size):
                longer[place + more] += ways
        orders = longer
    return tuple(orders)
