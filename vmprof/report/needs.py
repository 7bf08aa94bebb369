"""What a call needs at least: for its operations, its data and its start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from vmprof.report.columnwise import number
from vmprof.report.kinds import calls_of, microseconds
from vmprof.report.render.figures import short_count, short_time, three_digits
from vmprof.report.reuse import Data, Reuse
from vmprof.report.roofs import Level, Roofs
from vmprof.values import BYTES, CALLS_PER_INVOCATION, FLOPS, SAMPLES_SUFFIX, Count, Row, Samples

# Peaks repeat within 3 %; what needs more time than there was is impossible.
TOLERANCE = 1.03

_TIME = "Duration (us)"


@dataclass(frozen=True)
class Needs:
    """Microseconds ``us`` of a call of the merged ``row`` at best, and what it needs of them.

    ``start_us`` are for its start, ``compute_us`` for its operations; ``data_us`` for its data
    if they are as near as they can be, ``worst_us`` if they are as far.
    """

    row: Row
    us: float
    start_us: float
    roofs: Roofs
    data: Data
    reuse: Reuse

    @cached_property
    def compute_us(self) -> float:
        flops = number(self.row.get(FLOPS)) or 0.0
        return flops / number_of_calls(self.row) / self.roofs.gflops / 1e3

    @cached_property
    def parts(self) -> list[tuple[Level, float]]:
        """Bytes, and where they come from at best: what is old, and the others."""
        old = self.roofs.nearest(max(self.reuse.least, self.data.whole))
        other = self.roofs.nearest(self.data.whole)
        if old == other:
            return [(other, self.data.whole)]
        return [(old, self.data.old), (other, self.data.whole - self.data.old)]

    @cached_property
    def data_us(self) -> float:
        return sum(us_of(size, level) for level, size in self.parts)

    @cached_property
    def level(self) -> Level:
        """That which most of ``data_us`` is of."""
        return max(self.parts, key=lambda part: us_of(part[1], part[0]))[0]

    @cached_property
    def farthest(self) -> Level:
        """That which all data come from at worst: no farther than the time allows."""
        levels = list(self.roofs.levels)
        worst = levels.index(self.roofs.farthest(self.reuse.most))
        possible = [
            level
            for level in levels[: worst + 1]
            if us_of(self.data.whole, level) <= TOLERANCE * self.us
        ]
        return possible[-1] if possible else self.level

    @cached_property
    def worst_us(self) -> float:
        return max(us_of(self.data.whole, self.farthest), self.data_us)


def figures(needs: Needs) -> Iterator[str]:
    """In words, a line each."""
    us, row, calls = needs.us, needs.row, number_of_calls(needs.row)
    yield _time(us, row, calls)
    match row.get(FLOPS):
        case Count(flops):
            rate = three_digits(flops / calls / us / 1e3)
            yield (
                f"operations: {short_count(flops / calls)}, {rate} GFLOP/s; at the peak, "
                f"{three_digits(needs.roofs.gflops)}, they need {share(needs.compute_us, us)} of "
                "its time"
            )
    if BYTES not in row:
        return
    parts = [
        f"{short_count(size)} bytes from {level.name} at {three_digits(level.bandwidth)} GB/s"
        for level, size in needs.parts
        if size
    ]
    yield (
        f"data: {' and '.join(parts) or 'none'} need {share(needs.data_us, us)} of its time at "
        f"best; all from {needs.farthest.name}, {share(needs.worst_us, us)}"
    )
    if needs.data.old:
        yield (
            f"reuse: {short_count(needs.data.old)} bytes of it were last used a run ago, and "
            f"{_touched(needs.reuse)} are touched meanwhile"
        )


def fastest_us(row: Row) -> float:
    """Microseconds of a call in the fastest repeat: peaks are the best, too, and noise is no bound.

    The mean where the report does not have its repeats, or each did something else; 0 where nobody
    knows.
    """
    if _varies(row):
        return microseconds(row) / number_of_calls(row)
    repeats = row.get(f"{_TIME}{SAMPLES_SUFFIX}")
    best = min(repeats.values, default=0.0) if isinstance(repeats, Samples) else 0.0
    mean = microseconds(row)
    return (best if 0 < best <= mean else mean) / number_of_calls(row)


def _varies(row: Row) -> bool:
    """Whether invocations did not all make the same calls of it, on the same shapes."""
    return any(".." in str(row.get(name, "")) for name in ("Argument Shapes", CALLS_PER_INVOCATION))


def us_of(size: float, level: Level) -> float:
    """Microseconds that so many bytes take from there."""
    return size / level.bandwidth / 1e3


def share(part: float, us: float) -> str:
    return f"{three_digits(100 * part / us)} %"


def number_of_calls(row: Row) -> int:
    """Of a mean that was rounded to none, one."""
    return max(calls_of(row), 1)


def _time(us: float, row: Row, calls: int) -> str:
    mean = microseconds(row) / calls
    text = f"time: {short_time(us)}" + (f" a call, {calls:,} calls" if calls > 1 else "")
    return text if us == mean else f"{text}, in the fastest repeat; the mean is {short_time(mean)}"


def _touched(reuse: Reuse) -> str:
    least = short_count(reuse.least)
    if reuse.most == float("inf"):
        return f"at least {least} bytes"
    return f"{least} to {short_count(reuse.most)} bytes"
