"""The memory that was alive during an invocation, as a drawing: an area over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vmprof.report.model import Report
from vmprof.report.render.figures import short_count, short_time
from vmprof.report.render.table import format_metric
from vmprof.values import ALIVE_AT_PEAK, LIVE_MEMORY, PEAK_AT, Samples

HEIGHT = 180.0
WIDE, NARROW = 1180.0, 400.0
_PER_TICK = 110.0  # pixels
LEFT, RIGHT, TOP, BOTTOM = 72.0, 34.0, 22.0, 28.0
_MOST = 1e24  # nobody has so many bytes, or microseconds


@dataclass(frozen=True)
class Lane:
    """Coordinates for the template: ``area`` is a polygon, ``peak`` where it is highest.

    ``x_ticks`` and ``y_ticks`` are places with what stands there; ``facts`` say where the peak
    is, and what is alive at it.
    """

    area: str
    peak: tuple[float, float]
    label: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    facts: Sequence[tuple[str, str]]
    width: float
    height: float = HEIGHT
    left: float = LEFT
    bottom: float = HEIGHT - BOTTOM

    @property
    def right(self) -> float:
        return self.width - RIGHT

    @classmethod
    def of(cls, report: Report, width: float = WIDE) -> Lane | None:
        """None if the report does not say what was alive when."""
        curve = report.configuration.get(LIVE_MEMORY)
        if not isinstance(curve, Samples) or not _is_drawable(curve.values):
            return None
        times, live = curve.values[::2], curve.values[1::2]
        most, longest = max(live), times[-1]

        def x(time: float) -> float:
            return round(LEFT + time / longest * (width - LEFT - RIGHT), 1)

        def y(size: float) -> float:
            return round(HEIGHT - BOTTOM - size / most * (HEIGHT - TOP - BOTTOM), 1)

        corners = [(0.0, 0.0)]
        for number, (time, size) in enumerate(zip(times, live, strict=True)):
            before = live[number - 1] if number else 0.0
            corners += [(time, before), (time, size)]
        corners.append((longest, 0.0))
        settings = report.configuration
        return cls(
            " ".join(f"{x(time)},{y(size)}" for time, size in corners),
            (x(times[live.index(most)]), y(most)),
            short_bytes(most),
            [(x(time), short_time(time)) for time in _ticks(longest, width / _PER_TICK)],
            [(y(size), short_bytes(size)) for size in _ticks(most, 4)],
            [(n, format_metric(settings[n])) for n in (PEAK_AT, ALIVE_AT_PEAK) if n in settings],
            width,
        )


def short_bytes(value: float) -> str:
    """``48 B``, ``12.3 MB``."""
    text = short_count(value)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def _is_drawable(values: Sequence[float]) -> bool:
    """Times that do not go back, with bytes; whoever wrote the report."""
    times = values[::2]
    return (
        len(values) >= 4  # two points
        and len(values) % 2 == 0
        and all(math.isfinite(value) and 0 <= value < _MOST for value in values)
        and all(a <= b for a, b in pairwise(times))
        and times[-1] > 0
        and max(values[1::2]) > 0
    )


def _ticks(most: float, count: float) -> list[float]:
    """Round numbers up to ``most``, about ``count`` of them."""
    rough = most / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * 0.999)
    return [step * number for number in range(1, int(most / step) + 1)]
