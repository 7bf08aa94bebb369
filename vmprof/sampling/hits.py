"""Samples as the shim keeps them: a table, a row for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# vmprof_hit of native/api.h. `time_ns` is of CLOCK_MONOTONIC, `period` of the event's counts;
# `thread` is the number that records have too.
HIT = np.dtype(
    [
        ("address", np.uint64),
        ("time_ns", np.int64),
        ("period", np.uint64),
        ("thread", np.int64),
        ("cpu", np.int32),
        ("mode", np.int32),
    ]
)
# PERF_RECORD_MISC_KERNEL of linux/perf_event.h, in `mode`.
IN_KERNEL = 1

Table = npt.NDArray[Any]


class Missed(NamedTuple):
    """Samples that found no room, and how often the kernel paused because they came too fast."""

    lost: int = 0
    throttled: int = 0

    def __add__(self, other: object) -> Missed:
        if not isinstance(other, Missed):
            return NotImplemented
        return Missed(self.lost + other.lost, self.throttled + other.throttled)


class Found(NamedTuple):
    """What was found in some runs: ``hits`` (dtype `HIT`), and ``missed`` meanwhile."""

    hits: Table
    missed: Missed
