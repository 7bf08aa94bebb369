"""Whether an event counts here, on a kernel that tests play."""

from __future__ import annotations

import errno

import pytest
from support.events import events
from support.kernel import FakeKernel, OpenEvent

from vmprof.counters import Encoding, Event, Machine
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import NamedEvent, Pmu
from vmprof.counters.reading.probe import prober

METAL = Machine(paranoid=1, pmus={"cpu": Pmu("cpu", 4, is_core=True)})


def test_what_opens_and_counts_can_be_counted(kernel: FakeKernel) -> None:
    probe = prober(METAL)
    assert [probe(event) for event in events("cycles,instructions,page-faults", METAL)] == [
        None
    ] * 3


def test_what_is_refused_says_why(kernel: FakeKernel) -> None:
    def refuse(event: OpenEvent) -> int | None:
        return errno.ENOENT if event.is_hardware else None

    kernel.refuse = refuse
    probe = prober(METAL)
    assert [probe(event) for event in events("cycles,page-faults", METAL)] == [
        "this processor's PMU does not have the event",
        None,
    ]


def test_what_opens_and_stands_still_cannot_be_counted(kernel: FakeKernel) -> None:
    kernel.grow = lambda event: 0
    (cycles,) = events("cycles", METAL)
    reason = prober(METAL)(cycles)
    assert reason is not None
    assert "0" in reason


def test_what_counts_something_else_is_not_even_opened(kernel: FakeKernel) -> None:
    pmu = Pmu("cpu", 4, events={"cpu-cycles": NamedEvent("event=0x3c")}, is_core=True)
    haswell = Machine(processors={0: Processor(vendor="GenuineIntel")}, pmus={"cpu": pmu})
    (stalls,) = events("stalled-cycles-backend", haswell)
    reason = prober(haswell)(stalls)
    assert reason is not None
    assert reason.startswith("Intel processors since Ivy Bridge have no event for backend stalls")
    assert kernel.closed == []


@pytest.mark.parametrize("code", [None, errno.EACCES])
def test_cpu_wide_events_are_opened_on_their_cpus(kernel: FakeKernel, code: int | None) -> None:
    asked = []

    def refuse(event: OpenEvent) -> int | None:
        asked.append((event.pid, event.cpu))
        return code

    kernel.refuse = refuse
    energy = Event("power/energy-pkg/", (Encoding("power", 20, 2, cpus=(0, 8)),), unit="Joules")
    reason = prober(METAL)(energy)
    if code is None:
        assert reason is None
        assert asked == [(-1, 0), (-1, 8)]
    else:
        assert reason is not None
        assert "kernel.perf_event_paranoid" in reason
