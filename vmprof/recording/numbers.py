"""Whole numbers of a small range, counted instead of sorted: tables have millions of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def distinct(values: npt.NDArray[Any]) -> Ints:
    """The different ``values``, which are not negative, in order."""
    return np.flatnonzero(np.bincount(values)) if len(values) else np.zeros(0, dtype=np.int64)


def distinct_pairs(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """The different pairs of two columns, (pairs, 2), and for each row which of them it has.

    Numbers are from -1 up.
    """
    width = int(second.max(initial=-1)) + 2
    keys = (first.astype(np.int64) + 1) * width + second + 1
    found = distinct(keys)
    place = np.zeros(int(keys.max(initial=-1)) + 1, dtype=np.int64)
    place[found] = np.arange(len(found))
    return np.stack([found // width - 1, found % width - 1], axis=1), place[keys]


def numbered(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """The distinct ``texts``, and for each of them its number among those."""
    numbers: dict[str, int] = {}
    which = np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)
    return [*numbers], which
