"""Samples made up from numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from support.recordings import Made
from vmprof.recording.tables import (
    SAMPLE,
    TIMED,
    UNRECORDED,
    CountedPass,
    Counts,
    Recording,
    Sampling,
)
from vmprof.sampling.model import IN_NO_CALL, Function, Hit, Library, Sampled

LIBRARIES = (
    Library("/lib/model.so", "file", "abcd"),
    Library("[kernel]", "kernel"),
    Library("[in memory]", "memory"),
)
FUNCTIONS = (
    Function(0, "a_compute_", 0x1000, 64),
    Function(1, "page_fault"),
    Function(2),
    Function(0, "b_compute_", 0x2000, 32),
)


def sampled(calls: int = 2) -> Sampled:
    """Of a report with at least so many rows."""
    return Sampled(
        event="cpu-clock",
        unit="ns",
        rate=5000,
        runs=3,
        libraries=LIBRARIES,
        functions=FUNCTIONS,
        hits=(
            Hit(IN_NO_CALL, 2, 0x7F00_0000_0000, 0, 1, 200_000),
            Hit(0, 0, 0x1004, 0, 5, 1_000_000),
            Hit(0, 1, 0, 1, 1, 200_000),
            Hit(calls - 1, 3, 0x2010, 0, 2, 400_000),
        ),
        lost=4,
        throttled=1,
    )


def recording() -> Recording:
    """``main`` calls ``a``, in which is ``b``, three times in each turn; the second has samples."""
    numbers = Made(columns=("",))
    for turn in (TIMED, 1, UNRECORDED) * 3:
        numbers.add(turn, 5000, [("a", "float32[2]", 0, 3000), ("b", "", 1, 1000)])
    made = numbers.recording()
    (counts,) = made.counts
    rows = [
        # In the loop, in a by two threads, in b; of the first and the last of those invocations.
        (1, 0, 2, 1, 0x7F00_0000_0000, 1_000_001, 10),
        (1, 1, 0, 1, 0x1004, 1_000_002, 10),
        (1, 1, 0, 2, 0x1004, 1_000_003, 10),
        (7, 1, 0, 1, 0x1004, 7_000_002, 10),
        (7, 2, 3, 1, 0x2010, 7_000_003, 20),
    ]
    return replace(
        made,
        passes=(CountedPass((), "cpu-clock, in runs of their own"),),
        counts=(Counts(counts.calls, counts.values[:, :0]),),
        samples=np.array(rows, dtype=SAMPLE),
        sampling=Sampling("cpu-clock", "ns", 5000, LIBRARIES, FUNCTIONS, lost=1),
    )
