"""The tables of a recording: plain data, which needs neither TVM nor the native half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vmprof.inside.code import MachineCode
from vmprof.program.kernels import Kernel
from vmprof.program.layers import KernelCall
from vmprof.runs.storages import ALLOCATION
from vmprof.sampling.model import Function as SampledFunction
from vmprof.sampling.model import Library
from vmprof.values import Derived, Metric

Table = npt.NDArray[Any]

UNRECORDED = -1  # the turn of an invocation whose calls were not recorded
TIMED = 0  # the turn in which the clock was read around each call; pass n of counters is turn n

# The names of facts: what an engine's window reads around an empty call, by unit or column.
EMPTY_CALL = "Empty call, engine "

# Invocations: calls from outside of a VM's functions. `number` counts those of the same function
# and label from 0; `dropped` is the number of calls that found no room in the buffer; times are
# those of CLOCK_MONOTONIC; `fault` is one of vmprof.runs.faults.
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

# Calls inside invocations. The first row of each invocation stands for the invocation itself: its
# callee and signature are -1. `parent` is the row whose window the call lies in, counted from the
# invocation's first row (0); -1 for that row itself. Times are 0 in passes of counters.
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


# Samples of the sampled invocations. `call` is the row of the call that was going on, counted from
# its invocation's own (0: none); `function` is one of Sampling.functions, `address` the
# instruction's in that one's library. `period` is of the event's counts; threads are numbered as
# those of invocations.
SAMPLE = np.dtype(
    [
        ("invocation", np.int64),
        ("call", np.int32),
        ("function", np.int32),
        ("thread", np.int32),
        ("address", np.int64),
        ("time_ns", np.int64),
        ("period", np.int64),
    ]
)


def durations_ns(calls: Table) -> Table:
    """How long each of ``calls`` (dtype `CALL`) took, without the dispatch of calls inside it."""
    found: Table = calls["end_ns"] - calls["begin_ns"] - calls["dispatch_ns"]
    return found


# Totals by function, label and turn; they include invocations that were not kept.
TOTAL = np.dtype(
    [
        ("function", np.int32),
        ("label", np.int32),
        ("turn", np.int32),
        ("stride", np.int32),  # one in so many is kept, besides the first few
        ("invocations", np.int64),
        ("failed", np.int64),
        ("dropping", np.int64),  # invocations that lost calls
        ("dropped", np.int64),
        ("sum_ns", np.int64),
    ]
)


@dataclass(frozen=True)
class Vm:
    """An attached VM; ``notes`` say what could not be seen of it.

    ``device`` is its first device, ``more_devices`` are the others.
    """

    engine: str
    device: str
    notes: tuple[str, ...] = ()
    more_devices: tuple[str, ...] = ()

    @property
    def memory_note(self) -> str:
        """What is unknown about its storages; empty if it has one device."""
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

    @property
    def samples(self) -> bool:
        """Whether it is the pass in which threads are sampled, and nothing is counted."""
        return not self.columns

    @property
    def what(self) -> str:
        return "samples" if self.samples else ", ".join(self.columns)


@dataclass(frozen=True)
class Counts:
    """The counts of one pass, for the rows ``calls`` (dtype `CALL`).

    ``values``, shape (rows, columns), include the calls inside a call, and work that other threads
    did for it. ``shares`` is None unless counters took turns; then, in the same shape, it is the
    part of the time in which each value was counted. Values are scaled up to the whole time, and
    mean nothing where the share is 0.
    """

    calls: Table
    values: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64] | None = None

    @classmethod
    def none(cls, of: CountedPass) -> Counts:
        """Those of a pass in which nothing was called."""
        shape = (0, len(of.columns))
        shares = np.zeros(shape) if of.multiplexed else None
        return cls(np.zeros(0, dtype=CALL), np.zeros(shape, dtype=np.int64), shares)


@dataclass(frozen=True)
class Sampling:
    """How threads were sampled, and the code that was found; as in `vmprof.sampling.model`."""

    event: str
    unit: str
    rate: int
    libraries: tuple[Library, ...] = ()
    functions: tuple[SampledFunction, ...] = ()
    lost: int = 0
    throttled: int = 0


@dataclass(frozen=True)
class Recording:
    """What a session recorded.

    ``invocations`` (dtype `INVOCATION`) are those that were kept, in the order in which they
    began; ``calls`` (`CALL`) are those of the timed ones, ``counts`` of the passes;
    ``allocations`` (`ALLOCATION`) are those of the timed ones, in the order in which they were
    made; ``samples`` (`SAMPLE`) are those of the pass that ``sampling`` says more of, if there is
    one, and ``code`` is what they were found in; ``totals`` (`TOTAL`) cover all invocations.
    ``kernels`` has what is known of some callees, by their numbers; ``layers`` the calls of kernels
    that some functions, by their numbers, make each time they are called, in that order.
    ``labels`` begins with the empty one. ``missing`` says why an event was not counted;
    ``doubtful`` are columns that mean nothing if they read 0 throughout. ``facts`` say how it was
    recorded, ``provenance`` where, of what, and what else happened
    (:mod:`vmprof.report.provenance`). ``peaks`` are those of the
    machine, as a report with metrics has them in its configuration (:mod:`vmprof.report.roofs`).
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
    layers: Mapping[int, tuple[KernelCall, ...]] = field(default_factory=dict)
    provenance: Mapping[str, Metric] = field(default_factory=dict)
    peaks: Mapping[str, Metric] = field(default_factory=dict)
    allocations: Table = field(default_factory=lambda: np.zeros(0, dtype=ALLOCATION))
    samples: Table = field(default_factory=lambda: np.zeros(0, dtype=SAMPLE))
    sampling: Sampling | None = None
    code: tuple[MachineCode, ...] = ()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from vmprof.recording import fragment

        return fragment.render(self)

    def __str__(self) -> str:
        from vmprof.recording import text

        return text.render(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001
        """What IPython shows in a terminal."""
        printer.text(str(self))
