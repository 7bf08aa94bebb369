"""Several measurements of the same thing as one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, median_low

from vmprof.report.aggregate import combine
from vmprof.report.model import (
    SAMPLES_SUFFIX,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)


def medians(rows: Sequence[Row]) -> dict[str, Metric]:
    """One row for several of the same thing, with their samples beside the medians."""
    cells: dict[str, Metric] = {}
    for column in dict.fromkeys(column for row in rows for column in row):
        cells |= median_of(column, [row[column] for row in rows if column in row])
    return cells


def median_of(column: str, metrics: Sequence[Metric]) -> dict[str, Metric]:
    """The median of ``metrics``, all of one kind, and their samples, as cells of a row.

    Of an even number of counts the lower middle one is taken: a count that was
    counted, not a mean of two. Strings that differ become empty.
    """
    samples = f"{column}{SAMPLES_SUFFIX}"
    match metrics[0]:
        case Count():
            counts = [m.value for m in metrics if isinstance(m, Count)]
            return {
                column: Count(median_low(counts)),
                samples: Samples(tuple(map(float, counts))),
            }
        case Duration():
            durations = [m.microseconds for m in metrics if isinstance(m, Duration)]
            return {column: Duration(median(durations)), samples: Samples(tuple(durations))}
        case Percent():
            percents = [m.percent for m in metrics if isinstance(m, Percent)]
            return {column: Percent(median(percents)), samples: Samples(tuple(percents))}
        case Ratio():
            ratios = [m.ratio for m in metrics if isinstance(m, Ratio)]
            return {column: Ratio(median(ratios)), samples: Samples(tuple(ratios))}
    return {column: combine(metrics)}
