"""Recordings with fixed numbers, as a clock and a PMU that tests control would give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.run import NOTHING, Run

# A call: site, index of its signature, begin and end in nanoseconds, what each counter added.
Call = tuple[int, int, int, int, Sequence[int]]

# Two signatures, as native/api.h has them: float32[1, 784] float32[1, 10], and none.
FLOAT32 = 2 | 32 << 8 | 1 << 16
SIGNATURES = np.array([2, FLOAT32, 2, 1, 784, FLOAT32, 2, 1, 10, 0], dtype=np.int64)
TWO_TENSORS, NO_TENSOR = 0, 9

COLUMNS = ("perf::CYCLES", "perf::PAGE-FAULTS")
ONE_GROUP = Layout(COLUMNS, ((0, 1),))


def recording(
    calls: Sequence[Call],
    total: tuple[int, Sequence[int]],
    *,
    timed: bool = True,
    counted: bool = True,
    layout: Layout = ONE_GROUP,
    running: Sequence[float] | None = None,
    untimed: Sequence[int] = (),
    failed_reads: Sequence[int] = (),
    parents: Sequence[int] | None = None,
    paths: Sequence[str] | None = None,
) -> Run:
    """A run of ``calls`` that took ``total`` (nanoseconds, counts).

    The sources of ``layout`` ran for the shares ``running`` of the time, each
    counting as much of every value, and were enabled all of it, but that those of
    ``untimed`` tell no times; of the records
    in ``failed_reads`` (0 is the run's own) the second reading failed.
    ``parents`` and ``paths`` are as in :class:`Run`.
    """
    layout = layout if counted else NOTHING
    shares = running or [1.0] * len(layout.sources)
    records = np.zeros(1 + len(calls), dtype=record_dtype(layout))
    # Counters begin anywhere, and wrap.
    start = np.uint64(2**64 - 5)
    rows: list[Call] = [(-1, -1, 0, total[0], total[1]), *calls]
    for record, (site, signature, begin, end, counts) in zip(records, rows, strict=True):
        record["site"], record["signature"] = site, signature
        record["begin_ns"], record["end_ns"] = begin, end
        for number, (columns, share) in enumerate(zip(layout.sources, shares, strict=True)):
            before, after = record["before"][str(number)], record["after"][str(number)]
            before["count"] = after["count"] = len(columns)
            before["values"] = start
            if number not in untimed:
                after["enabled_ns"] = end
                after["running_ns"] = int(end * share)
            added = [int(counts[column] * share) for column in columns]
            after["values"] = start + np.array(added, dtype=np.uint64)
    for index in failed_reads:
        records[index]["after"]["0"]["count"] = 0
    records["parent"] = [-1, *(parent + 1 for parent in parents or [-1] * len(calls))]
    return Run.of_records(records, SIGNATURES, layout, timed=timed, paths=paths)
