"""Measuring several things in turn, in one process: what disturbs one disturbs the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from vmprof.uncollected import collected_before

Side = Callable[[], float]


def in_turn(
    sides: Mapping[str, Side], *, rounds: int, seconds: float = 0.0
) -> dict[str, list[float]]:
    """What each of ``sides`` gives, a value per round: ``rounds`` of them, and ``seconds`` long.

    Every other round runs backwards. Garbage is collected before, and not meanwhile.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides.items())
    until = time.monotonic() + seconds
    done = 0
    with collected_before():
        while done < rounds or time.monotonic() < until:
            for name, side in order:
                samples[name].append(side())
            order.reverse()
            done += 1
    return samples


def wall_ns(run: Callable[[], object], calls: int = 1) -> Side:
    """Nanoseconds of one of ``calls`` of it, by the clock."""
    return _each(run, calls, time.perf_counter_ns)


def thread_ns(run: Callable[[], object], calls: int = 1) -> Side:
    """The same of the thread's processor time, which other processes do not lengthen."""
    return _each(run, calls, time.thread_time_ns)


def _each(run: Callable[[], object], calls: int, clock: Callable[[], int]) -> Side:
    def side() -> float:
        began = clock()
        for _ in range(calls):
            run()
        return (clock() - began) / calls

    return side
