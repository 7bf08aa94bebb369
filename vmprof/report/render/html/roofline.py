"""The roofline as a drawing: logarithmic axes, a circle per kernel that leads to its row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vmprof.report.render.figures import short_time, three_digits
from vmprof.report.render.html.labels import Box, Label, along, placed
from vmprof.report.render.names import shortened
from vmprof.report.roofline import Point, Roofline
from vmprof.report.roofs import Level
from vmprof.values import Row

LEFT, RIGHT, TOP, BOTTOM = 58.0, 18.0, 18.0, 46.0
_ROOM = 1.6  # between what is drawn and the borders, as a factor
_OF_ALL = "fused_"  # says little where room is little
_MANY_DECADES = 5
_ALONG = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of a slope, where its label may be
_SMALLEST = 3.5  # radius of a circle

_Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Size:
    """Of a drawing in pixels; ``largest`` is the radius of a circle, ``letters`` of a label."""

    width: float
    height: float
    largest: float
    letters: int


WIDE = Size(1180.0, 500.0, 17.0, 26)
NARROW = Size(400.0, 400.0, 13.0, 16)


@dataclass(frozen=True)
class Circle:
    """``row`` is the number of the kernel's row in the table.

    ``label`` is its name or, where there is no room for it, a number in the key.
    """

    x: float
    y: float
    radius: float
    colour: int | None
    text: str
    row: int
    label: Label | None = None


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Coordinates for the template.

    ``roofs`` are polylines of the machine's limits, as far as they are known: that of memory
    first, then those of the caches. ``key`` has the numbers among the labels, each with the name
    and the row of its kernel.
    """

    circles: Sequence[Circle]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    roofs: Sequence[str]
    roof_labels: Sequence[Label]
    key: Sequence[tuple[str, str, int]]
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    @classmethod
    def of(
        cls, data: Roofline, colours: Mapping[str, int], rows: Sequence[Row], size: Size = WIDE
    ) -> Chart | None:
        """``rows`` are those of the table. None if there is nothing to show."""
        if not data.points:
            return None
        right, bottom = size.width - RIGHT, size.height - BOTTOM
        ridge = [data.peak / data.bandwidth] if data.peak and data.bandwidth else []
        x = _Axis([p.intensity for p in data.points] + ridge, LEFT, right)
        y_values = [p.gflops for p in data.points] + ([data.peak] if data.peak else [])
        y = _Axis(y_values, bottom, TOP)
        largest = max(p.share for p in data.points) or 1.0
        circles = [
            Circle(
                round(x(point.intensity), 1),
                round(y(point.gflops), 1),
                round(max(_SMALLEST, size.largest * math.sqrt(point.share / largest)), 1),
                colours.get(point.kind),
                _text(point),
                row,
            )
            for point, row in zip(data.points, _rows_of(data.points, rows), strict=True)
        ]
        taken = [Box(LEFT, TOP, LEFT + 60, TOP + 16)]  # what the vertical axis is called
        roofs = _roofs(data, x, y)
        taken += [box for roof in roofs for ends in pairwise(roof) for box in along(*ends)]
        dots = [(circle.x, circle.y, circle.radius) for circle in circles]
        taken += map(Box.of_dot, dots)
        roof_labels = _roof_labels(data, roofs, taken, Box(LEFT, TOP, right, bottom))
        names = [point.name.removeprefix(_OF_ALL) for point in data.points]
        labels = placed(shortened(names, size.letters), dots, taken, Box(LEFT, TOP, right, bottom))
        return cls(
            [replace(c, label=label) for c, label in zip(circles, labels, strict=True)],
            x.ticks(),
            y.ticks(),
            [" ".join(f"{at:.1f},{height:.1f}" for at, height in roof) for roof in roofs],
            roof_labels,
            [
                (label.text if label else "", point.name, circle.row)
                for label, point, circle in zip(labels, data.points, circles, strict=True)
                if label is None or label.is_number
            ],
            size.width,
            size.height,
            LEFT,
            right,
            TOP,
            bottom,
        )


def _text(point: Point) -> str:
    text = (
        f"{point.name}\n{three_digits(point.gflops)} GFLOP/s at "
        f"{three_digits(point.intensity)} FLOP/byte\n"
        f"{short_time(point.microseconds)}, {100 * point.share:.1f} % of Total"
    )
    if point.bound:
        text += f"\nbound by {point.bound}"
    if point.attained is not None:
        text += f"\n{100 * point.attained:.0f} % of what the machine allows"
    return f"{text}\n{point.error}" if point.error else text


def _rows_of(points: Sequence[Point], rows: Sequence[Row]) -> list[int]:
    """The row of each point; both are longest first."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(rows):
        key = str(row.get("Name", "")), str(row.get("Argument Shapes", ""))
        numbers.setdefault(key, []).append(number)
    # Rows of one name and shapes (on two devices) are in the order of their points.
    return [numbers[point.name, point.shapes].pop(0) for point in points]


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
        room = abs(self._end - self._begin) / (_MANY_DECADES * 100)
        steps = (1, 2, 5) if len(powers) <= _MANY_DECADES * room else (1,)
        values = [step * 10.0**power for power in powers for step in steps]
        return [
            Tick(round(self(value), 1), f"{value:,.6g}")
            for value in values
            if self.least <= value <= self.most
        ]


def _roofs(data: Roofline, x: _Axis, y: _Axis) -> list[_Line]:
    """The corners of the roof of memory, and of the slopes of the caches; none if not known."""
    if data.peak is None or data.bandwidth is None:
        return []
    roofs: list[_Line] = []
    for bandwidth in (data.bandwidth, *(level.bandwidth for level in _caches(data))):
        # From where the slope enters the drawing, over the ridge, to its right border.
        enters = max(x.least, y.least / bandwidth)
        ridge = data.peak / bandwidth
        corners = [(enters, enters * bandwidth), (ridge, data.peak), (x.most, data.peak)]
        if roofs:
            corners.pop()  # the peak is drawn
        roofs.append([(x(at), y(value)) for at, value in corners] if enters < ridge else [])
    return roofs


def _caches(data: Roofline) -> list[Level]:
    return [level for level in data.levels if math.isfinite(level.bytes)]


def _roof_labels(
    data: Roofline, roofs: Sequence[_Line], taken: list[Box], inside: Box
) -> list[Label]:
    """What stands at the roofs; those that have no room have none. They become ``taken``."""
    labels: list[Label] = []

    def put(text: str, x: float, y: float, *, end: bool = False) -> bool:
        box = Box.of_text(x, y, text, end=end)
        if not inside.holds(box) or any(box.meets(other) for other in taken):
            return False
        labels.append(Label(text, round(x, 1), round(y, 1), end, None))
        taken.append(box)
        return True

    if roofs and roofs[0]:
        right, peak = roofs[0][-1]
        put(f"{three_digits(data.peak or 0)} GFLOP/s", right - 4, peak - 6, end=True)
    names = [("memory" if data.levels else "", data.bandwidth or 0.0)]
    names += [(level.name, level.bandwidth) for level in _caches(data)]
    for (name, bandwidth), roof in zip(names, roofs, strict=False):
        if not roof:
            continue
        (x1, y1), (x2, y2) = roof[:2]
        text = f"{name} {three_digits(bandwidth)} GB/s".lstrip()
        for part in _ALONG:
            if put(text, x1 + part * (x2 - x1) + 12, y1 + part * (y2 - y1) + 8):
                break
    return labels
