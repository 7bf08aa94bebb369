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
    """Microseconds (invocations,), NaN where it was not called; ``first`` invocation, and the
    median of the ``rest``, None where there is none.
    """

    us: Floats
    first: float | None
    rest: float | None


@dataclass(frozen=True)
class Curves:
    """Some of the timed invocations of a group, which has ``timed`` of them, in order.

    ``numbers`` and ``threads`` are theirs, ``rows`` by name and shapes as in the report.
    ``others`` are invocations without times of their calls, by turn: their numbers, and how long
    they took.
    """

    timed: int
    numbers: Ints
    threads: Ints
    whole: Curve
    rows: Mapping[tuple[str, str], Curve]
    others: Mapping[int, tuple[Ints, Floats]]

    @classmethod
    def of(cls, group: Group, by: str, most: int) -> Curves:
        """With at most ``most`` invocations, if that is at least 3."""
        timed = np.sort(group.timed, order="number")
        whole = durations_us(timed)
        keys = Keys.of(group, by)
        calls = Calls.of(group.recording.calls, timed)
        key = keys.of_rows(calls)
        own = calls.own(durations_ns(calls.rows)) / 1e3
        times = by_invocation(own, key, calls.place, len(timed), keys.count)
        made = by_invocation(np.ones(len(key)), key, calls.place, len(timed), keys.count)
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
    """Places of at most ``most`` (3 or more) of ``values``, in order.

    Of each stretch the least, the median and the largest, and the very first in place of its
    stretch's median: nothing that sticks out is lost.
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
