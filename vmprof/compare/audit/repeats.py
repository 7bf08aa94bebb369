"""The repeats of a report's values, as its checks need them.

None stands for a report that knows of no repeats, as TVM's profiler ran once; an empty
tuple for one of which the repeats of this value cannot be lined up: not every run made
every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vmprof.report.aggregate import combine
from vmprof.values import SAMPLES_SUFFIX, Row, Samples

Repeats = tuple[float, ...]


def repeats_of(row: Row, column: str) -> Repeats | None:
    """What each repeat measured."""
    samples = row.get(f"{column}{SAMPLES_SUFFIX}")
    return samples.values if isinstance(samples, Samples) else None


def summed_repeats(rows: Iterable[Row], column: str) -> Repeats | None:
    """Repeat by repeat the sums of ``column`` over the rows that have it."""
    samples = [row.get(f"{column}{SAMPLES_SUFFIX}") for row in rows if column in row]
    found = [each for each in samples if isinstance(each, Samples)]
    if not found:
        return None
    total = combine(found) if len(found) == len(samples) else None
    return total.values if isinstance(total, Samples) else ()


def mapped(repeats: Repeats | None, function: Callable[[float], float]) -> Repeats | None:
    """``function`` of each repeat."""
    return None if repeats is None else tuple(map(function, repeats))
