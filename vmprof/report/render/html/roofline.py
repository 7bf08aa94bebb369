"""The roofline as a drawing: logarithmic axes, a circle per kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.report.render.figures import short_time, three_digits
from vmprof.report.roofline import Roofline

WIDTH, HEIGHT = 860.0, 430.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 24.0, 18.0, 46.0
_ROOM = 1.6  # between what is drawn and the borders, as a factor
_MANY_DECADES = 5
_SMALLEST, _LARGEST = 3.5, 17.0  # radius of a circle


@dataclass(frozen=True)
class Circle:
    x: float
    y: float
    radius: float
    colour: int | None
    text: str


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Coordinates for the template; ``roof`` is the polyline of the machine's limits, if known."""

    circles: Sequence[Circle]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    roof: str
    roof_labels: Sequence[tuple[float, float, str]]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM

    @classmethod
    def of(cls, data: Roofline, colours: Mapping[str, int]) -> Chart | None:
        """None if there is nothing to show."""
        if not data.points:
            return None
        has_roof = data.peak is not None and data.bandwidth is not None
        ridge = [data.peak / data.bandwidth] if data.peak and data.bandwidth else []
        x = _Axis([p.intensity for p in data.points] + ridge, LEFT, WIDTH - RIGHT)
        y_values = [p.gflops for p in data.points] + ([data.peak] if data.peak else [])
        y = _Axis(y_values, HEIGHT - BOTTOM, TOP)
        largest = max(p.share for p in data.points) or 1.0
        circles = []
        for point in data.points:
            text = (
                f"{point.name}\n{three_digits(point.gflops)} GFLOP/s at "
                f"{three_digits(point.intensity)} FLOP/byte\n"
                f"{short_time(point.microseconds)}, {100 * point.share:.1f} % of Total"
            )
            if point.attained is not None:
                text += f"\n{100 * point.attained:.0f} % of what the machine allows"
            radius = max(_SMALLEST, _LARGEST * math.sqrt(point.share / largest))
            circles.append(
                Circle(
                    round(x(point.intensity), 1),
                    round(y(point.gflops), 1),
                    round(radius, 1),
                    colours.get(point.kind),
                    text,
                )
            )
        return cls(
            circles,
            x.ticks(),
            y.ticks(),
            _roof(data, x, y) if has_roof else "",
            _roof_labels(data, x, y) if has_roof else (),
        )


class _Axis:
    """A logarithmic axis from below the least of ``values`` to above the largest.

    ``begin`` and ``end`` are its coordinates.
    """

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self.least, self.most = min(values) / _ROOM, max(values) * _ROOM
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        share = math.log(value / self.least) / math.log(self.most / self.least)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[Tick]:
        """At powers of ten, and between them where there are few."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)))
        steps = (1, 2, 5) if len(powers) <= _MANY_DECADES else (1,)
        values = [step * 10.0**power for power in powers for step in steps]
        return [
            Tick(round(self(value), 1), f"{value:,.6g}")
            for value in values
            if self.least <= value <= self.most
        ]


def _roof(data: Roofline, x: _Axis, y: _Axis) -> str:
    assert data.peak is not None
    assert data.bandwidth is not None
    # From where the slope enters the drawing, over the ridge, to its right border.
    enters = max(x.least, y.least / data.bandwidth)
    corners = [
        (enters, enters * data.bandwidth),
        (data.peak / data.bandwidth, data.peak),
        (x.most, data.peak),
    ]
    return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in corners)


def _roof_labels(data: Roofline, x: _Axis, y: _Axis) -> list[tuple[float, float, str]]:
    assert data.peak is not None
    assert data.bandwidth is not None
    enters = max(x.least, y.least / data.bandwidth)
    return [
        (x(x.most) - 4, y(data.peak) - 6, f"{three_digits(data.peak)} GFLOP/s"),
        (x(enters) + 16, y(enters * data.bandwidth) + 6, f"{three_digits(data.bandwidth)} GB/s"),
    ]
