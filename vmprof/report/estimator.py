"""Several measurements of the same thing as one: the mean over the middle half of the runs.

The runs are ordered by their Total, and a quarter is left out at either end: those that
something else disturbed. The same runs stand for every row, so that what adds up in each
run adds up in the means. Every column is ordered by its own Total, as counters are read in
runs of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt

from vmprof.report.aggregate import combine
from vmprof.runs.work import Ints
from vmprof.values import SAMPLES_SUFFIX, Count, Duration, Metric, Percent, Ratio, Row, Samples

ESTIMATOR = "mean over the middle half of the runs, ordered by Total"


def middle_half(totals: Sequence[float] | npt.NDArray[np.generic]) -> Ints:
    """The numbers of the runs that count, of runs with these ``totals``: of three one, of 30 16."""
    left_out = (len(totals) + 1) // 4
    order = np.argsort(np.asarray(totals), kind="stable")
    return np.sort(order[left_out : len(order) - left_out])


def middle_mean(values: Sequence[float]) -> float:
    """The mean over the middle half of ``values``, each of which is a Total."""
    return fmean(values[number] for number in middle_half(values))


def rounded_means(values: Ints, before: int = 0) -> Ints:
    """Means over the runs of ``values`` (runs, parts), as whole numbers (parts,).

    They are rounded so that the first of them, however many, add up to the rounded sum of
    their means: a part is off by less than 1, and so is the sum of any that are neighbours.
    ``before`` is what comes before the first part, summed over the runs.
    """
    runs = len(values)
    edges = before + np.concatenate([[0], np.cumsum(values.sum(axis=0))])
    rounded: Ints = np.diff((2 * edges + runs) // (2 * runs))
    return rounded


def samples_of(values: npt.NDArray[np.generic]) -> list[Samples]:
    """A cell for each row of ``values`` (runs, rows): what each run measured of it."""
    return [Samples(tuple(row)) for row in values.T.astype(np.float64).tolist()]


def means(rows: Sequence[Row], kept: Sequence[int] | Ints) -> dict[str, Metric]:
    """One row for those of several runs, the means of ``kept`` ones beside samples of all."""
    cells: dict[str, Metric] = {}
    for column in dict.fromkeys(column for row in rows for column in row):
        cells |= mean_of(column, [row.get(column) for row in rows], kept)
    return cells


def mean_of(
    column: str, metrics: Sequence[Metric | None], kept: Sequence[int] | Ints
) -> dict[str, Metric]:
    """The mean over the runs ``kept``, and the samples of all, as cells of a row.

    ``metrics`` are those of one column, None for a run without it; if all of ``kept`` are
    without, the mean is over the others. Counts are rounded. Strings that differ become
    empty.
    """
    present = [metric for metric in metrics if metric is not None]
    used = [metric for number in kept if (metric := metrics[number]) is not None] or present
    first = present[0]
    samples: tuple[float, ...] = ()
    mean: Metric
    match first:
        case Count():
            samples = tuple(float(m.value) for m in present if isinstance(m, Count))
            mean = Count(round(fmean(m.value for m in used if isinstance(m, Count))))
        case Duration():
            samples = tuple(m.microseconds for m in present if isinstance(m, Duration))
            mean = Duration(fmean(m.microseconds for m in used if isinstance(m, Duration)))
        case Percent():
            samples = tuple(m.percent for m in present if isinstance(m, Percent))
            mean = Percent(fmean(m.percent for m in used if isinstance(m, Percent)))
        case Ratio():
            samples = tuple(m.ratio for m in present if isinstance(m, Ratio))
            mean = Ratio(fmean(m.ratio for m in used if isinstance(m, Ratio)))
        case _:
            return {column: combine(present)}
    return {column: mean, f"{column}{SAMPLES_SUFFIX}": Samples(samples)}
