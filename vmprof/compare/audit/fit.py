"""How the cost of measuring is found in the rows; :mod:`vmprof.compare.audit.cost` says what it is.

Apart from that, since it takes numpy, and most of what ``vmprof audit`` does takes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from vmprof.compare.audit.cost import NEAR_EMPTY_US, TIME, Cost
from vmprof.compare.audit.repeats import repeats_of
from vmprof.values import Count, Duration, Row

_YEARS_US = 1e15  # what lies outside is no time that something took
_LEAST_NEAR_EMPTY_ROWS = 3
_LEAST_ROWS = 8
_NORMAL_MAD = 1.4826  # standard deviation of a normal distribution, over its MAD

Floats = npt.NDArray[np.float64]


def fit_cost(
    event: str, rows: Sequence[Row], declared: float | None = None, empty_us: float = 0.0
) -> Cost | None:
    """The cost of ``event`` in merged ``rows``; None where they are too few to tell.

    By the report an empty call counts ``declared`` and takes ``empty_us``.
    """
    return _fit(event, _columns(event, rows), declared, empty_us)


def refit_cost(cost: Cost, rows: Sequence[Row], empty_us: float = 0.0) -> list[Cost]:
    """``cost`` as each repeat alone tells it; empty if rows lack repeats."""
    kept = [row for row in rows if _cells(cost.event, row)]
    calls = _columns(cost.event, kept).calls
    counts = zip(*(repeats_of(row, cost.event) or () for row in kept), strict=False)
    times = zip(*(repeats_of(row, TIME) or () for row in kept), strict=False)
    found = [
        _fit(
            cost.event,
            _Columns(np.array(counted), np.array(took), calls),
            cost.declared,
            empty_us,
        )
        for counted, took in zip(counts, times, strict=False)
        if all(map(isfinite, (*counted, *took)))
    ]
    return [each for each in found if each is not None]


@dataclass(frozen=True)
class _Columns:
    """Counts, microseconds and numbers of calls, row by row."""

    counts: Floats
    times: Floats
    calls: Floats


def _fit(event: str, columns: _Columns, declared: float | None, empty_us: float) -> Cost | None:
    per_call, time = columns.counts / columns.calls, columns.times / columns.calls
    near = time <= NEAR_EMPTY_US
    enough = np.count_nonzero(near) >= _LEAST_NEAR_EMPTY_ROWS
    if not enough and len(time) < _LEAST_ROWS:
        return None
    over_all, rate = _fit_line(time, per_call)
    if enough:
        beyond = per_call[near] - rate * time[near]
        cost = float(np.median(beyond))
        spread = _NORMAL_MAD * float(np.median(np.abs(beyond - cost)))
        typical = float(np.median(per_call[near]))
    else:
        off = np.abs(per_call - over_all - rate * time) * _weights(time)
        cost, spread = over_all, _NORMAL_MAD * float(np.median(off))
        typical = float(np.min(per_call))
    return Cost(
        event,
        cost,
        spread,
        rate,
        int(np.count_nonzero(near)) if enough else 0,
        over_all,
        typical,
        declared,
        max(0.0, (declared or 0.0) - rate * empty_us),
    )


def _columns(event: str, rows: Sequence[Row]) -> _Columns:
    """Of the rows that have all three."""
    found = [cells for row in rows if (cells := _cells(event, row))]
    table = np.array(found, dtype=np.float64).reshape(-1, 3)
    return _Columns(table[:, 0], table[:, 1], table[:, 2])


def _cells(event: str, row: Row) -> tuple[float, float, float] | None:
    match row.get(event), row.get(TIME), row.get("Count"):
        case Count(value), Duration(time), Count(calls) if calls > 0 and 0 <= time < _YEARS_US:
            return value, time, calls
    return None


def _weights(time: Floats) -> Floats:
    """Operators' rates differ, so that a row strays in proportion to its time."""
    weights: Floats = 1.0 / (NEAR_EMPTY_US + time)
    return weights


def _fit_line(time: Floats, counts: Floats) -> tuple[float, float]:
    """Intercept and slope with the least weighted sum of absolute deviations.

    By iteratively reweighted least squares. The slope is not negative: time
    does not take counts away.
    """
    design = np.stack([np.ones_like(time), time], axis=1)
    scale = _weights(time)
    weights = scale.copy()
    line = np.zeros(2)
    smallest = 1e-9 * max(1.0, float(np.max(np.abs(counts * scale))))
    for _ in range(100):
        root = np.sqrt(weights)
        line = np.linalg.lstsq(design * root[:, None], counts * root, rcond=None)[0]
        deviations = np.abs(counts - design @ line) * scale
        weights = scale**2 / np.maximum(deviations, smallest)
    intercept, slope = line.tolist()
    if slope < 0:
        return float(np.median(counts)), 0.0
    return intercept, slope
