"""Which of many hosts differ from the others in one operator, by more than the others differ?

The yardstick is how the other hosts differ among themselves, which has all in it that differs
from start to start and from machine to machine; of one host alone its repeats tell no more than
how noisy it was. What is compared are logarithms: a host is so many percent slower.

Hosts are ordered by their distance from the median. From the inside outwards, each of the outer
quarter is held against those inside of it (Student's t, of a value against the mean of others;
times the hosts that might have been the farthest). The innermost that is too far off, and all
beyond it, are no part of the rest any more: so a second outlier cannot hide the first, as in
Rosner's generalized extreme Studentized deviate test. Then each of these is held against that
rest again. Looking at several places raises the rate of false alarms to 1.6 times (seen in
simulations of 8 to 100 hosts); chances are doubled for it.

It takes for granted that what alike hosts take spreads as the normal distribution of logarithms.
``benchmarks/fleet.py`` says what heavier tails do to the rate of false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, isfinite, log, log1p, sqrt
from statistics import median

from vmprof.compare.significance import t_chance

# Fewer hosts have no rest whose spread is known.
LEAST_HOSTS = 3
# This part of the hosts, the outermost, may differ from the rest; what more of them do is no
# exception.
_OUTER = 0.25
# For looking at several places.
_LOOKS = 2.0
# Of Student's distribution, where the finite series would be long and the approximation is good.
_MANY = 30
# Microseconds: what a clock tells apart.
_CLOCK_STEP = 1e-3


def outlying(times: Sequence[float], noises: Sequence[float], alpha: float) -> dict[int, float]:
    """The hosts that are farther from the rest than chance, by their places, with that chance.

    ``times`` has the microseconds of each host, ``noises`` the variance that each has by itself,
    from repeat to repeat. If hosts are alike, the chance that any is found is at most ``alpha``.
    """
    logs, own = _logarithms(times, noises)
    found: dict[int, float] = {}
    if len(logs) < LEAST_HOSTS:
        return found
    middle = median(logs)
    order = sorted(range(len(logs)), key=lambda place: abs(logs[place] - middle))
    usual = median(own)
    step = _CLOCK_STEP / median(times)
    floor = max(usual, step * step)
    far = _far(logs, own, order, floor, alpha)
    if far:
        inside = _Rest([logs[place] for place in order[: len(order) - far]])
        for place in order[len(order) - far :]:
            chance = inside.chance(logs[place], floor, max(0.0, own[place] - usual))
            chance = min(1.0, _looks(len(logs)) * (len(order) - far + 1) * chance)
            if chance <= alpha:
                found[place] = chance
    return found


def enough_hosts(operators: int, alpha: float) -> int:
    """From how many hosts on 12 times the spread of the others is more than chance."""
    for hosts in range(LEAST_HOSTS, 1000):
        chance = student_chance(12 / sqrt(1 + 1 / (hosts - 1)), hosts - 2)
        if _looks(hosts) * hosts * operators * chance <= alpha:
            return hosts
    return 1000


def student_chance(t: float, freedom: int) -> float:
    """The chance of ``t`` or more, either way, with so many degrees of ``freedom``."""
    if freedom <= _MANY:
        return t_chance(t, 1.0, freedom)
    # Wallace's approximation by the normal distribution, within some percent of what it is.
    normal = sqrt(freedom * log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return erfc(normal / sqrt(2))


class _Rest:
    """The hosts inside: their mean, and how they spread."""

    def __init__(self, values: Sequence[float]) -> None:
        self.number = len(values)
        self.sum = sum(values)
        # About a value of theirs, so that what is subtracted below is of their size.
        self._about = values[0]
        self._squares = sum((value - self._about) ** 2 for value in values)

    def without(self, value: float) -> None:
        self.number -= 1
        self.sum -= value
        self._squares -= (value - self._about) ** 2

    def chance(self, value: float, floor: float, more: float) -> float:
        """Of a value as far off; ``more`` is the variance that it has more than the others."""
        mean = self.sum / self.number
        squares = self._squares - self.number * (mean - self._about) ** 2
        variance = max(squares / (self.number - 1), floor)
        deviation = sqrt(variance * (1 + 1 / self.number) + more)
        if not deviation:
            return 0.0 if value != mean else 1.0
        return student_chance(abs(value - mean) / deviation, self.number - 1)


def _far(
    logs: Sequence[float], own: Sequence[float], order: Sequence[int], floor: float, alpha: float
) -> int:
    """How many of the outermost are no part of the rest."""
    hosts, usual = len(order), median(own)
    rest = _Rest([logs[place] for place in order])
    far = 0
    for outside in range(1, _most_far(hosts) + 1):
        place = order[hosts - outside]
        rest.without(logs[place])
        chance = rest.chance(logs[place], floor, max(0.0, own[place] - usual))
        if _looks(hosts) * (hosts - outside + 1) * chance <= alpha:
            far = outside
    return far


def _most_far(hosts: int) -> int:
    return max(1, int(_OUTER * hosts))


def _looks(hosts: int) -> float:
    return _LOOKS if _most_far(hosts) > 1 else 1.0


def _logarithms(times: Sequence[float], noises: Sequence[float]) -> tuple[list[float], list[float]]:
    """And what the variances are of them."""
    if any(not isfinite(time) or time <= 0 for time in times):
        raise ValueError("times are finite, and more than 0")
    own = [noise / time / time for time, noise in zip(times, noises, strict=True)]
    return [log(time) for time in times], [each if isfinite(each) else 0.0 for each in own]
