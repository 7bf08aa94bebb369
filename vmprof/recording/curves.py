"""Time by invocation: of a function, and of each row of its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vmprof.recording.groups import Calls, Group, durations_us
from vmprof.recording.keys import Floats, Keys, by_invocation
from vmprof.recording.numbers import Ints
from vmprof.recording.tables import TIMED, durations_ns


@dataclass(frozen=True)
class Curve:
    """How long something took in each invocation: microseconds, shape (invocations,).

    NaN where it was not called. ``first`` is the first invocation's time, ``rest`` the median of
    the others; None if there is no such invocation.
    """

    us: Floats
    first: float | None
    rest: float | None


@dataclass(frozen=True)
class Curves:
    """The curves of a group, over some of its ``timed`` invocations, in order.

    ``numbers`` and ``threads`` belong to the chosen invocations. ``rows`` has a curve for each row
    of the report, by name and shapes. ``others`` are the counted and the unrecorded invocations:
    for each turn, their numbers and how long they took (us).
    """

    timed: int
    numbers: Ints
    threads: Ints
    whole: Curve
    rows: Mapping[tuple[str, str], Curve]
    others: Mapping[int, tuple[Ints, Floats]]

    @classmethod
    def of(cls, group: Group, by: str, most: int) -> Curves:
        """Choose at most ``most`` invocations (3 or more)."""
        timed = np.sort(group.timed, order="number")
        whole = durations_us(timed)
        keys = Keys.of(group, by)
        calls = Calls.of(group.recording.calls, timed)
        key = keys.of_rows(calls)
        own = calls.exclusive(durations_ns(calls.rows)) / 1e3
        times = by_invocation(own, key, calls.owner, len(timed), keys.count)
        made = by_invocation(np.ones(len(key)), key, calls.owner, len(timed), keys.count)
        times[made == 0] = np.nan
        chosen = thinned(whole, most)
        numbers = timed["number"]
        return cls(
            len(timed),
            numbers[chosen],
            timed["thread"][chosen],
            _curve(numbers, whole, chosen),
            {
                (name, shapes): _curve(numbers, times[:, number], chosen)
                for number, (name, shapes) in enumerate(zip(keys.names, keys.shapes, strict=True))
            },
            {turn: _others(group, turn, most) for turn in group.turns if turn != TIMED},
        )


def _others(group: Group, turn: int, most: int) -> tuple[Ints, Floats]:
    invocations = np.sort(group.of_turn(turn), order="number")
    us = durations_us(invocations)
    chosen = thinned(us, most)
    return invocations["number"][chosen], us[chosen]


def thinned(values: Floats, most: int) -> Ints:
    """Indices of at most ``most`` (3 or more) of ``values``, in order.

    Each stretch keeps its smallest, median and largest value, so no outlier is lost. The first
    stretch keeps the very first value instead of its median.
    """
    if len(values) <= most:
        return np.arange(len(values))
    chosen = []
    for number, stretch in enumerate(np.array_split(np.arange(len(values)), most // 3)):
        order = stretch[np.argsort(values[stretch], kind="stable")]
        chosen += [order[0], order[len(order) // 2] if number else 0, order[-1]]
    return np.unique(np.array(chosen, dtype=np.int64))


def _curve(numbers: Ints, us: Floats, chosen: Ints) -> Curve:
    called = ~np.isnan(us)
    first = us[called & (numbers == 0)]
    rest = us[called & (numbers != 0)]
    return Curve(
        us[chosen],
        float(first[0]) if len(first) else None,
        float(np.median(rest)) if len(rest) else None,
    )
