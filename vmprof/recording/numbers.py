"""Distinct values of small whole numbers, by counting: tables have millions of rows to sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def distinct(values: npt.NDArray[Any]) -> Ints:
    """The distinct ``values`` (0 or more), in order."""
    return np.flatnonzero(np.bincount(values)) if len(values) else np.zeros(0, dtype=np.int64)


def distinct_pairs(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """The distinct pairs of two columns, shape (pairs, 2), and the index of each row's pair.

    Values are -1 or more.
    """
    width = int(second.max(initial=-1)) + 2
    keys = (first.astype(np.int64) + 1) * width + second + 1
    found = distinct(keys)
    place = np.zeros(int(keys.max(initial=-1)) + 1, dtype=np.int64)
    place[found] = np.arange(len(found))
    return np.stack([found // width - 1, found % width - 1], axis=1), place[keys]


def numbered(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """The distinct ``texts``, and the index of each text among them."""
    numbers: dict[str, int] = {}
    which = np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)
    return [*numbers], which
