"""What the machine attains, as a report's configuration has it: its roofs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.values import Count, Metric, Ratio

PEAK_FLOPS = "Peak GFLOP/s"
PEAK_BANDWIDTH = "Peak GB/s"
MEMORY = "memory"
# When they were measured; and those that did not come again within 3 %.
MEASURED, UNSETTLED = "Peaks measured", "Peaks not settled"
# What handing work to the threads takes at least.
LAUNCH = "Parallel launch (us)"
# Of a call: the time that its data need at the peak of the nearest level they may come from.
AT_PEAK = "Bytes at peak (us)"

_OF_ONE = " of one thread"
# What lies outside is zero, or nonsense.
_LEAST, _MOST = 1e-9, 1e9


@dataclass(frozen=True)
class Level:
    """A cache, or memory: ``bandwidth`` in GB/s, and how many ``bytes`` it holds for all threads.

    Of memory these are infinite.
    """

    name: str
    bandwidth: float
    bytes: float


@dataclass(frozen=True)
class Roofs:
    """``gflops`` in GFLOP/s; the ``levels`` that data come from, the nearest first, memory last."""

    gflops: float
    levels: Sequence[Level]

    @classmethod
    def of(cls, configuration: Mapping[str, Metric], *, one_thread: bool = False) -> Roofs | None:
        """Those of the run's threads, or of ``one_thread``; None if the report does not have them.

        Reports of before caches were measured have those of memory alone.
        """
        end = _OF_ONE if one_thread else ""
        gflops = _number(configuration, PEAK_FLOPS + end)
        memory = _number(configuration, PEAK_BANDWIDTH + end)
        if gflops is None or memory is None:
            return None
        levels = []
        for number in range(1, 10):
            name = f"L{number}"
            bandwidth = _number(configuration, f"{PEAK_BANDWIDTH}, {name}{end}")
            holds = configuration.get(f"{name} cache{end} (bytes)")
            if bandwidth is not None and isinstance(holds, Count):
                levels.append(Level(name, bandwidth, holds.value))
        return cls(gflops, (*levels, Level(MEMORY, memory, math.inf)))

    def settings(self, *, one_thread: bool = False) -> dict[str, Metric]:
        """The same as lines of a configuration."""
        end = _OF_ONE if one_thread else ""
        lines: dict[str, Metric] = {
            PEAK_FLOPS + end: Ratio(self.gflops),
            PEAK_BANDWIDTH + end: Ratio(self.levels[-1].bandwidth),
        }
        for level in self.levels[:-1]:
            lines[f"{PEAK_BANDWIDTH}, {level.name}{end}"] = Ratio(level.bandwidth)
            lines[f"{level.name} cache{end} (bytes)"] = Count(int(level.bytes))
        return lines

    def nearest(self, touched: float) -> Level:
        """That which may still hold data after so many bytes were touched.

        A cache is ruled out by more than twice of what it holds: what it throws out first is
        its own affair.
        """
        return next(level for level in self.levels if touched <= 2 * level.bytes)

    def farthest(self, touched: float) -> Level:
        """That which surely still holds data after so many bytes were touched."""
        return next(level for level in self.levels if touched <= level.bytes)


def _number(configuration: Mapping[str, Metric], name: str) -> float | None:
    value = configuration.get(name)
    return value.ratio if isinstance(value, Ratio) and _LEAST < value.ratio < _MOST else None
