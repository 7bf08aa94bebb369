"""Which operators take longer the later they are called, or the larger a dimension is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmprof.recording.groups import Calls, Group, durations_us
from vmprof.recording.numbers import distinct, distinct_pairs, numbered
from vmprof.recording.shapes import kind_of, parse
from vmprof.recording.slope import Slope, slope
from vmprof.recording.tables import durations_ns
from vmprof.report.render.figures import short_time

INVOCATION = "invocation"
# Growth over the whole range below this share of the median, or this time, is not reported.
_NOTABLE = 0.1
_NOTABLE_US = 0.1
# A dimension needs this many distinct sizes: one odd invocation, such as a prefill among decoding
# steps, shows no growth.
_FEWEST_SIZES = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Growth:
    """The time of ``operator`` (None: the whole function) grows with ``what``.

    ``slope`` is in microseconds per unit of ``what``, which ranges from ``first`` to ``last``.
    ``share`` is the growth over that range, divided by the median time. ``middle`` has the
    medians of ``what`` and of the time (us).
    """

    function: str
    operator: str | None
    what: str
    slope: Slope
    first: int
    last: int
    share: float
    middle: tuple[float, float]

    def __str__(self) -> str:
        whose = f"{self.function}: {self.operator}" if self.operator else self.function
        each = "with each invocation" if self.what == INVOCATION else f"for each 1 of {self.what}"
        value, low, high = map(short_time, (self.slope.value, self.slope.low, self.slope.high))
        return (
            f"{whose} grows by {value} {each} ({low} to {high}, 95 %), "
            f"{100 * self.share:.0f} % from {self.first:,} to {self.last:,}"
        )


def growths(group: Group) -> list[Growth]:
    """Growth that is certain: the function's first, then its operators', the largest first.

    An operator's time is the sum of all its calls in one invocation.
    """
    timed = group.timed
    if not len(timed):
        return []
    numbers = timed["number"]
    found = [*_one(group.title, None, INVOCATION, numbers, durations_us(timed))]
    calls = Calls.of(group.recording.calls, timed)
    own = calls.exclusive(durations_ns(calls.rows)) / 1e3
    names, name_of = numbered(group.recording.callees)
    rows = calls.is_call
    times = np.zeros((len(timed), len(names)))
    of_rows = name_of[calls.rows["callee"][rows]] if rows.any() else np.zeros(0, dtype=np.int64)
    np.add.at(times, (calls.owner[rows], of_rows), own[rows])
    operators: list[Growth] = []
    for number in np.flatnonzero(np.bincount(of_rows)).tolist():
        present = times[:, number] > 0
        spent = times[present, number]
        operators += _one(group.title, names[number], INVOCATION, numbers[present], spent)
        chosen = rows.copy()
        chosen[rows] = of_rows == number
        for what, places, sizes in _dimensions(group, calls, chosen):
            operators += _one(group.title, names[number], what, sizes, times[places, number])
    return [*found, *sorted(operators, key=lambda each: -each.share)]


def _one(
    function: str, operator: str | None, what: str, x: npt.NDArray[np.int64], y: Floats
) -> Iterator[Growth]:
    """The growth of ``y`` with ``x``, if it is certain and large enough to report."""
    fitted = slope(x, y)
    if fitted is None or fitted.low <= 0:
        return
    first, last = int(x.min()), int(x.max())
    grown, median = fitted.value * (last - first), float(np.median(y))
    if grown > _NOTABLE_US and grown > _NOTABLE * median:
        middle = float(np.median(x)), median
        yield Growth(function, operator, what, fitted, first, last, grown / median, middle)


def _dimensions(
    group: Group, calls: Calls, chosen: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """The dimensions of one operator that differ between invocations.

    For each: its name, the indices of the invocations, and the size in each of them; where an
    invocation has several calls, the largest size.
    """
    pairs, _ = distinct_pairs(calls.owner[chosen], calls.rows["signature"][chosen])
    signatures = {
        number: group.recording.signatures[number] for number in set(pairs[:, 1].tolist())
    }
    if len(signatures) < 2 or len({kind_of(text) for text in signatures.values()}) > 1:
        return
    sizes_of = {
        number: [size for _, dimensions in parse(text) for size in dimensions]
        for number, text in signatures.items()
    }
    places, at = np.unique(pairs[:, 0], return_inverse=True)
    tensors = parse(next(iter(signatures.values())))
    names = [
        f"dimension {axis} of tensor {tensor}"
        for tensor, (_, dimensions) in enumerate(tensors, start=1)
        for axis in range(1, len(dimensions) + 1)
    ]
    sizes = np.zeros((len(places), len(names)), dtype=np.int64)
    np.maximum.at(sizes, at.reshape(-1), np.array([sizes_of[n] for n in pairs[:, 1].tolist()]))
    seen: set[bytes] = set()
    for axis, name in enumerate(names):
        column = sizes[:, axis]
        # Tensors of a call often share a dimension: report it once.
        if len(distinct(column)) >= _FEWEST_SIZES and column.tobytes() not in seen:
            seen.add(column.tobytes())
            yield name, places, column
