"""What the readings at both ends of windows say: amounts, times, and whether they count."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmprof.runs.layout import Layout
from vmprof.runs.work import LAUNCH_SITE, TASK_SITE, Floats, Ints, Records, Work


def record_dtype(layout: Layout) -> np.dtype[Any]:
    """A ``vmprof_record`` of native/api.h with the samples of ``layout``'s sources."""
    samples = np.dtype([(str(i), _sample_dtype(len(v))) for i, v in enumerate(layout.sources)])
    return np.dtype(
        [
            ("site", np.int32),
            ("failed", np.int32),
            ("signature", np.int64),
            ("parent", np.int64),
            ("begin_ns", np.int64),
            ("end_ns", np.int64),
            ("before", samples),
            ("after", samples),
        ]
    )


def _sample_dtype(values: int) -> np.dtype[Any]:
    return np.dtype(
        [
            ("count", np.uint64),
            ("enabled_ns", np.uint64),
            ("running_ns", np.uint64),
            ("values", np.uint64, (values,)),
        ]
    )


def is_read(records: Records, layout: Layout, number: int) -> Any:
    """Which records have readings of the source ``number``."""
    if number in layout.of_caller:
        return records["site"] != TASK_SITE
    return np.ones(len(records), dtype=bool)


def amounts(records: Records, layout: Layout) -> Ints:
    """By how much each column went on in each window, (records, columns)."""
    added = np.zeros((len(records), len(layout.columns)), dtype=np.int64)
    for number, columns in enumerate(layout.sources):
        before, after = records["before"][str(number)], records["after"][str(number)]
        # Differences of counters are taken in their own width, where they may wrap.
        values = (after["values"] - before["values"]).astype(np.int64)
        if number in layout.of_caller:
            values[np.isin(records["site"], (LAUNCH_SITE, TASK_SITE))] = 0
        for position, column in enumerate(columns):
            added[:, column] += values[:, position]
    return added


def in_turns(records: Records, work: Work, layout: Layout, values: Ints) -> tuple[Ints, Floats]:
    """``values`` of rows scaled up to the whole time, and the part in which they were counted."""
    found = times(records, layout).values()
    shape = (len(records), len(layout.columns))
    enabled = work.of(sum((enabled for enabled, _ in found), np.zeros(shape)))
    running = work.of(sum((running for _, running in found), np.zeros(shape)))
    shares = np.minimum(running / np.maximum(enabled, 1), 1)
    for number in layout.untimed:
        shares[:, layout.sources[number]] = 1
    scaled = np.rint(np.divide(values, shares, out=np.zeros_like(shares), where=shares > 0))
    return scaled.astype(np.int64), shares


def times(records: Records, layout: Layout) -> dict[int, tuple[Floats, Floats]]:
    """By thread, the nanoseconds that each column was enabled, and running.

    Each has shape (records, columns). The sources of one column for one thread are
    enabled at the same time and take turns in running, as the thread moves between kinds
    of core; they are read one after the other, and the shortest time holds for all.
    """
    shape = (len(records), len(layout.columns))
    found: dict[int, tuple[Floats, Floats]] = {}
    for number, columns in enumerate(layout.sources):
        before, after = records["before"][str(number)], records["after"][str(number)]
        read = is_read(records, layout, number)
        ran = (after["running_ns"] - before["running_ns"]).astype(np.float64) * read
        was_enabled = (after["enabled_ns"] - before["enabled_ns"]).astype(np.float64) * read
        thread = layout.threads[number] if layout.threads else 0
        enabled, running = found.setdefault(thread, (np.full(shape, np.inf), np.zeros(shape)))
        for column in columns:
            running[:, column] += ran
            enabled[:, column] = np.minimum(enabled[:, column], was_enabled)
    for enabled, _ in found.values():
        enabled[np.isinf(enabled)] = 0
    return found
