"""What a session recorded: plain tables. Needs neither TVM nor the native half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vmprof.program.kernels import Kernel
from vmprof.runs.storages import ALLOCATION
from vmprof.values import Derived, Metric

Table = npt.NDArray[Any]

UNRECORDED = -1  # the turn of an invocation whose calls were not recorded
TIMED = 0  # the turn in which the clock was read around each call; pass n of counters is turn n

# Facts: what a window of that engine reads around nothing, "(us)" or a counted column.
EMPTY_CALL = "Empty call, engine "

# A call from outside of a function of some VM. `number` is its place among those of the same
# function and label, `dropped` how many of its calls found no room in the buffer; times are
# CLOCK_MONOTONIC's, `fault` is of vmprof.runs.faults.
INVOCATION = np.dtype(
    [
        ("id", np.int64),
        ("function", np.int32),
        ("label", np.int32),
        ("thread", np.int32),
        ("turn", np.int32),
        ("number", np.int64),
        ("failed", np.int8),
        ("fault", np.int8),
        ("dropped", np.int64),
        ("begin_ns", np.int64),
        ("end_ns", np.int64),
    ]
)

# A call inside an invocation. The first row of each invocation is that itself: its callee and
# its signature are -1. `parent` is the place of the row inside whose window the call lies,
# counted from that first row (0); -1 for that one. Times are 0 in passes of counters.
CALL = np.dtype(
    [
        ("invocation", np.int64),
        ("callee", np.int32),
        ("signature", np.int32),
        ("parent", np.int32),
        ("failed", np.int32),
        ("begin_ns", np.int64),
        ("end_ns", np.int64),
        ("dispatch_ns", np.int64),
    ]
)


def durations_ns(calls: Table) -> Table:
    """How long each of ``calls`` (rows of `CALL`) took, without dispatch between calls inside."""
    found: Table = calls["end_ns"] - calls["begin_ns"] - calls["dispatch_ns"]
    return found


# All invocations of a function and label, also of those that were not kept, by turn.
TOTAL = np.dtype(
    [
        ("function", np.int32),
        ("label", np.int32),
        ("turn", np.int32),
        ("stride", np.int32),  # every how many are kept, the first few aside
        ("invocations", np.int64),
        ("failed", np.int64),
        ("dropping", np.int64),  # invocations that lost calls
        ("dropped", np.int64),
        ("sum_ns", np.int64),
    ]
)


@dataclass(frozen=True)
class Vm:
    """A VM that was attached; ``notes`` say what cannot be seen of it.

    ``device`` is its first one, ``more_devices`` are others that it has.
    """

    engine: str
    device: str
    notes: tuple[str, ...] = ()
    more_devices: tuple[str, ...] = ()

    @property
    def memory_note(self) -> str:
        """What is not known of its storages, if it has several devices."""
        if not self.more_devices:
            return ""
        devices = ", ".join((self.device, *self.more_devices))
        return f"on which of {devices} a storage is: bytes are of all these devices together"


@dataclass(frozen=True)
class Function:
    """A function of a VM (its number in ``Recording.vms``), or a saved one, or a closure."""

    name: str
    vm: int


@dataclass(frozen=True)
class CountedPass:
    """What one pass counted; ``how`` it was read."""

    columns: tuple[str, ...]
    how: str
    multiplexed: bool = False


@dataclass(frozen=True)
class Counts:
    """Of one pass: the rows ``calls`` (dtype `CALL`) and their counts.

    ``values`` has shape (rows, columns), of the work of a call whichever thread did it,
    with what the calls inside it did. ``shares``, of the same shape, is None unless
    counters took turns: then the part of the time in which a value was counted; values are
    scaled up to the whole time, and mean nothing where it is 0.
    """

    calls: Table
    values: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Recording:
    """A session's product.

    ``invocations`` (dtype `INVOCATION`) are those that were kept, in the order in which they
    began; ``calls`` (`CALL`) are those of the timed ones, ``counts`` of the passes;
    ``allocations`` (`ALLOCATION`) are those of the timed ones, in the order in which they were
    made; ``totals`` (`TOTAL`) tell of all. ``kernels`` are what is known of some callees, by
    their numbers. ``labels`` begins with the empty one. ``missing`` says
    of each event that was not counted why; ``doubtful`` are columns that mean nothing if
    they read 0 throughout. ``facts`` say how and where it was recorded.
    """

    vms: tuple[Vm, ...]
    functions: tuple[Function, ...]
    labels: tuple[str, ...]
    callees: tuple[str, ...]
    signatures: tuple[str, ...]
    passes: tuple[CountedPass, ...]
    invocations: Table
    totals: Table
    calls: Table
    counts: tuple[Counts, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = ()
    facts: Mapping[str, Metric] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    kernels: Mapping[int, Kernel] = field(default_factory=dict)
    allocations: Table = field(default_factory=lambda: np.zeros(0, dtype=ALLOCATION))
