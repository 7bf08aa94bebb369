"""Robust slopes, which a few outliers do not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# 95 % of a normal distribution lie within this many standard deviations.
_Z95 = 1.959964
_FEWEST = 8
# All pairs of points are looked at; of more points than this, an even selection is used.
_MOST = 256


@dataclass(frozen=True)
class Slope:
    """Growth of y per unit of x, with its 95 % interval."""

    value: float
    low: float
    high: float


def slope(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Slope | None:
    """Theil and Sen's slope with Sen's interval; None if there are too few points.

    The slope is the median of those of all pairs of points; the interval is between the ranks
    that Kendall's tau leaves possible (P. K. Sen, 1968).
    """
    if len(x) > _MOST:
        chosen = np.linspace(0, len(x) - 1, _MOST).astype(np.int64)
        x, y = x[chosen], y[chosen]
    if len(x) < _FEWEST:
        return None
    first, second = np.triu_indices(len(x), 1)
    across = (x[second] - x[first]).astype(np.float64)
    apart = across != 0
    if not apart.any():
        return None
    slopes = np.sort((y[second] - y[first])[apart] / across[apart])
    ties = np.unique(x, return_counts=True)[1].astype(np.float64)
    n = float(len(x))
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    spread = _Z95 * np.sqrt(max(variance, 0.0))
    pairs = len(slopes)
    low = int(np.clip(np.floor((pairs - spread) / 2), 0, pairs - 1))
    high = int(np.clip(np.ceil((pairs + spread) / 2), 0, pairs - 1))
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))
