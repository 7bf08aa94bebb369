"""Columns about threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vmprof.recording import Counts
from vmprof.report.model import PER_THREAD_SUFFIX, Metric, Samples


def per_thread(
    column: str, number: int, counts: Sequence[Counts]
) -> Mapping[int, Mapping[str, Metric]]:
    """What each thread did, by row, of the calls that ran in parallel.

    ``counts`` are of several runs, in which the column has this ``number``. A row has the
    parts of the run that its median is from; they add up to it. Threads are in the same
    order in every row, the calling one first.
    """
    parts = [c.by_thread for c in counts if c.by_thread is not None]
    if not parts:
        return {}
    # All runs are of one thread, and so are their callers.
    threads = np.array(sorted({t for p in parts for t in p.threads[1:].tolist()}))
    cells: dict[int, Mapping[str, Metric]] = {}
    for row in sorted({row for p in parts for row in p.rows.tolist()}):
        order = np.argsort([c.values[row, number] for c in counts], kind="stable")
        middle = counts[int(order[(len(counts) - 1) // 2])]
        values = np.zeros(1 + len(threads), dtype=np.int64)
        of_run = middle.by_thread
        if of_run is not None and row in of_run.rows:
            at = [0, *(1 + np.searchsorted(threads, of_run.threads[1:]))]
            values[at] = of_run.values[np.searchsorted(of_run.rows, row), :, number]
        else:
            values[0] = middle.values[row, number]
        cells[row] = {f"{column}{PER_THREAD_SUFFIX}": Samples(tuple(map(float, values.tolist())))}
    return cells
