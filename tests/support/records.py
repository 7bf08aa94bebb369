"""Recordings with fixed numbers, as a clock and a PMU that tests control would give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmprof.recording import Recording, record_dtype

# A call: site, index of its signature, begin and end in nanoseconds, what each counter added.
Call = tuple[int, int, int, int, Sequence[int]]

# Two signatures, as native/api.h has them: float32[1, 784] float32[1, 10], and none.
FLOAT32 = 2 | 32 << 8 | 1 << 16
SIGNATURES = np.array([2, FLOAT32, 2, 1, 784, FLOAT32, 2, 1, 10, 0], dtype=np.int64)
TWO_TENSORS, NO_TENSOR = 0, 9


def recording(
    calls: Sequence[Call],
    total: tuple[int, Sequence[int]],
    *,
    timed: bool = True,
    counted: bool = True,
    running: float = 1.0,
    failed_reads: Sequence[int] = (),
) -> Recording:
    """A run of ``calls`` that took ``total`` (nanoseconds, counts).

    The counters ran for the share ``running`` of the time; of the records in
    ``failed_reads`` (0 is the run's own) the second read() failed.
    """
    events = len(total[1])
    records = np.zeros(1 + len(calls), dtype=record_dtype(events))
    records["before"]["count"] = records["after"]["count"] = events
    # Counters begin anywhere, and wrap.
    start = np.uint64(2**64 - 5)
    records["before"]["values"] = start
    rows: list[Call] = [(-1, -1, 0, total[0], total[1]), *calls]
    for record, (site, signature, begin, end, counts) in zip(records, rows, strict=True):
        record["site"], record["signature"] = site, signature
        record["begin_ns"], record["end_ns"] = begin, end
        record["after"]["enabled_ns"] = end
        record["after"]["running_ns"] = int(end * running)
        record["after"]["values"] = start + np.array(counts, dtype=np.uint64)
    for index in failed_reads:
        records[index]["after"]["count"] = 0
    return Recording.of_records(records, SIGNATURES, timed=timed, counted=counted)
