"""Native records -> columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tvm_ffi

RUN_SITE = -1

Ints = npt.NDArray[np.int64]


def record_dtype(events: int) -> np.dtype[Any]:
    """The layout of a ``vmprof_record`` of native/api.h with its two samples."""
    sample = np.dtype(
        [
            ("count", np.uint64),
            ("enabled_ns", np.uint64),
            ("running_ns", np.uint64),
            ("values", np.uint64, (events,)),
        ]
    )
    return np.dtype(
        [
            ("site", np.int32),
            ("failed", np.int32),
            ("signature", np.int64),
            ("parent", np.int64),
            ("begin_ns", np.int64),
            ("end_ns", np.int64),
            ("before", sample),
            ("after", sample),
        ]
    )


@dataclass(frozen=True)
class Recording:
    """One run: a row per call, in the order in which the calls began.

    ``sites`` has shape (calls,), ``shapes`` one string per call; ``parents``
    (calls,) is the row inside whose window the call lies, -1 for none;
    ``durations_ns`` has shape (calls,), or is None if no time was read;
    ``counts`` has shape (calls, events), or is None if nothing was counted.
    ``total_ns`` and ``total_counts`` (events,) are of the run as a whole.
    ``fault`` says why there are no counts although they were read for.
    """

    sites: Ints
    shapes: tuple[str, ...]
    parents: Ints
    durations_ns: Ints | None
    counts: Ints | None
    total_ns: int | None
    total_counts: Ints | None
    fault: str | None

    @classmethod
    def of_records(
        cls, records: npt.NDArray[Any], signatures: Ints, *, timed: bool, counted: bool
    ) -> Recording:
        """Columns of ``records`` (dtype :func:`record_dtype`), the run's own record among them."""
        fault = _fault(records) if counted else None
        counted = counted and fault is None
        is_run = records["site"] == RUN_SITE
        calls, (run,) = records[~is_run], records[is_run]
        shapes = {index: _shapes(signatures, index) for index in set(calls["signature"].tolist())}
        # Differences of counters are taken in their own width, where they may wrap.
        counts = (calls["after"]["values"] - calls["before"]["values"]).astype(np.int64)
        total_counts = (run["after"]["values"] - run["before"]["values"]).astype(np.int64)
        return cls(
            sites=calls["site"].astype(np.int64),
            shapes=tuple(shapes[index] for index in calls["signature"].tolist()),
            # Record 0 is the run's own.
            parents=calls["parent"] - 1,
            durations_ns=calls["end_ns"] - calls["begin_ns"] if timed else None,
            counts=counts if counted else None,
            total_ns=int(run["end_ns"] - run["begin_ns"]) if timed else None,
            total_counts=total_counts if counted else None,
            fault=fault,
        )

    def same_calls(self, other: Recording) -> bool:
        """Whether both runs made the same calls with the same shapes in the same order."""
        return np.array_equal(self.sites, other.sites) and self.shapes == other.shapes


def _fault(records: npt.NDArray[Any]) -> str | None:
    """Why the counts of a run cannot be believed, if so."""
    samples = [records["before"], records["after"]]
    events = records.dtype["before"]["values"].shape[0]
    if any((sample["count"] != events).any() for sample in samples):
        return "a read() of the counters failed during the run"
    # The run's own record is the first: its window holds all others.
    before, after = records[0]["before"], records[0]["after"]
    enabled, running = (int(after[field] - before[field]) for field in ("enabled_ns", "running_ns"))
    if running < enabled:
        return (
            f"the PMU was shared with others: the counters ran {100 * running / enabled:.0f} % "
            "of the time; stop other users of perf (and the NMI watchdog) or count fewer events"
        )
    return None


def _shapes(words: Ints, index: int) -> str:
    """A signature as the table shows it: ``float32[1, 784], float32[1, 10]``."""
    tensors = []
    at = index + 1
    for _ in range(words[index]):
        packed, rank = int(words[at]), int(words[at + 1])
        dtype = tvm_ffi.dtype.from_dlpack_data_type(
            (packed & 0xFF, packed >> 8 & 0xFF, packed >> 16 & 0xFFFF)
        )
        dimensions = words[at + 2 : at + 2 + rank]
        tensors.append(f"{dtype}[{', '.join(map(str, dimensions))}]")
        at += 2 + rank
    return ", ".join(tensors)
