"""The repeats of a report's values, as its checks need them."""

from __future__ import annotations

from collections.abc import Iterable

from vmprof.report.aggregate import combine
from vmprof.report.model import SAMPLES_SUFFIX, Row, Samples


def repeats_of(row: Row, column: str) -> tuple[float, ...]:
    """What each repeat measured; nothing if the report does not say."""
    samples = row.get(f"{column}{SAMPLES_SUFFIX}")
    return samples.values if isinstance(samples, Samples) else ()


def summed_repeats(rows: Iterable[Row], column: str) -> tuple[float, ...]:
    """Repeat by repeat the sums of ``column``; nothing if a row that has it lacks repeats."""
    samples = [row.get(f"{column}{SAMPLES_SUFFIX}") for row in rows if column in row]
    found = [each for each in samples if isinstance(each, Samples)]
    if not found or len(found) < len(samples):
        return ()
    total = combine(found)
    return total.values if isinstance(total, Samples) else ()
