"""How often vmprof diff is mistaken, and how much starts of one program differ on this machine.

    python benchmarks/significance.py [--quick] [--json FILE]

Starts the mlp often, one process after the other, and lets ``diff --fail-over 5%`` compare its
starts with each other: of one library, so every alarm is a false one. Sides are neighbours (one
side after the other), of any two times, or in random order, as ``diff --processes`` makes them.
Then the longest operator of the starts after is made 20 % slower, in numbers: how often is that
found? An interrupt ends the starts; what there is by then is compared.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import fmean, median, stdev

from figures import Figure, alone

from vmprof.compare.diff import TIME, Limit, diff_reports, regressions
from vmprof.compare.rows import microseconds
from vmprof.drivers.processes import in_processes
from vmprof.progress import Progress
from vmprof.report.model import Report
from vmprof.values import SAMPLES_SUFFIX, Duration, Metric, Row, Samples

MODEL = "mlp"
STARTS, FEW_STARTS = 60, 12
SIZES = (1, 3, 5, 8)
COMPARISONS, FEW_COMPARISONS = 100, 4
LIMIT = Limit(5, TIME, 1)
SLOWER = 1.2
GOAL_PERCENT = 1.0
_OF = f"comparisons with --fail-over {LIMIT.percent:g}%"

Sides = tuple[list[Report], list[Report]]


def measured(_progress: Progress) -> Report:
    from vmprof.drivers.profile import profile  # TVM, in the processes that need it

    return profile(MODEL)


def made(count: int) -> list[Report]:
    """So many starts, fewer if somebody interrupts."""
    starts: list[Report] = []
    try:
        for done in range(count):
            print(f"\rstart {done + 1} of {count}", end="", file=sys.stderr, flush=True)
            starts += in_processes([measured], 1)[0]
    except KeyboardInterrupt:
        if len(starts) < 2:
            raise
    print(file=sys.stderr)
    return starts


def neighbours(starts: Sequence[Report], size: int, generator: random.Random) -> Sides:
    begin = generator.randrange(len(starts) - 2 * size + 1)
    return list(starts[begin : begin + size]), list(starts[begin + size : begin + 2 * size])


def apart(starts: Sequence[Report], size: int, generator: random.Random) -> Sides:
    """At any two times, either first."""
    between = generator.randrange(len(starts) - 2 * size + 1)
    begin = generator.randrange(len(starts) - 2 * size - between + 1)
    sides = [list(starts[at : at + size]) for at in (begin, begin + size + between)]
    generator.shuffle(sides)
    return sides[0], sides[1]


def shuffled(starts: Sequence[Report], size: int, generator: random.Random) -> Sides:
    begin = generator.randrange(len(starts) - 2 * size + 1)
    both = list(starts[begin : begin + 2 * size])
    generator.shuffle(both)
    return both[:size], both[size:]


ORDERS: dict[str, Callable[[Sequence[Report], int, random.Random], Sides]] = {
    "one side after the other": neighbours,
    "sides of any two times": apart,
    "in random order": shuffled,
}


def slower(report: Report, name: Metric) -> Report:
    """``report`` in which the operator ``name`` took longer."""
    calls = [_slowed(call) if call["Name"] == name else call for call in report.calls]
    return replace(report, calls=tuple(calls))


def _slowed(call: Row) -> Row:
    samples = call[f"{TIME}{SAMPLES_SUFFIX}"]
    assert isinstance(samples, Samples)
    return {
        **call,
        TIME: Duration(SLOWER * microseconds(call)),
        f"{TIME}{SAMPLES_SUFFIX}": Samples(tuple(SLOWER * each for each in samples.values)),
    }


def rates(starts: Sequence[Report], size: int, order: str, count: int) -> Iterator[Figure]:
    generator = random.Random(size)  # noqa: S311 # the same comparisons each time
    longest = max(starts[0].calls, key=microseconds)["Name"]
    alarms = untold = found = found_untold = 0
    for _ in range(count):
        before, after = ORDERS[order](starts, size, generator)
        for planted in (False, True):
            new = [slower(each, longest) for each in after] if planted else after
            diff = diff_reports(before, new, in_turn=order == "in random order")
            judged = regressions(diff, LIMIT)
            if planted:
                found += any(name == longest for name, _ in judged.sure)
                found_untold += not judged.sure and bool(judged.undecided)
            else:
                alarms += bool(judged.sure)
                untold += not judged.sure and bool(judged.undecided)
    case = f"{size} and {size} starts, {order}"
    figure = partial(Figure, case=case, unit="%")
    slow = f"{_OF}, of which the longest operator was {SLOWER - 1:.0%} slower"
    yield figure(name="false alarms", of=_OF, value=100 * alarms / count, goal=GOAL_PERCENT)
    yield figure(name="not told", of=_OF, value=100 * untold / count)
    yield figure(name="slower operator named", of=slow, value=100 * found / count)
    yield figure(name="slower operator, not told", of=slow, value=100 * found_untold / count)


def spreads(starts: Sequence[Report]) -> Iterator[Figure]:
    """In percent of the mean: standard deviations, of starts, of neighbours, and in one start."""
    name = max(starts[0].calls, key=microseconds)["Name"]
    rows = {
        "Total": [next(iter(each.device_metrics.values())) for each in starts],
        "the longest operator": [
            next(call for call in each.calls if call["Name"] == name) for each in starts
        ],
    }
    for what, of_starts in rows.items():
        times = [microseconds(row) for row in of_starts]
        mean = fmean(times)
        steps = [(b - a) / 2**0.5 for a, b in pairwise(times)]
        figure = partial(Figure, case=f"{MODEL}, {what}", unit="%", of="mean of the starts")
        yield figure(name="between starts", value=100 * stdev(times) / mean)
        yield figure(
            name="between neighbours",
            value=100 * fmean(step * step for step in steps) ** 0.5 / mean,
        )
        yield figure(name="within a start", value=100 * fmean(map(_within, of_starts)) / mean)


def _within(row: Row) -> float:
    samples = row[f"{TIME}{SAMPLES_SUFFIX}"]
    assert isinstance(samples, Samples)
    middle = median(samples.values)
    return 1.4826 * median(abs(each - middle) for each in samples.values)


def figures(*, quick: bool = False) -> Iterator[Figure]:
    starts = made(FEW_STARTS if quick else STARTS)
    yield from spreads(starts)
    for size in SIZES:
        for order in ORDERS:
            if 2 * size <= len(starts):
                yield from rates(starts, size, order, FEW_COMPARISONS if quick else COMPARISONS)


if __name__ == "__main__":
    alone(figures, __doc__)
