"""Passes are tried as they will be read, on a kernel that miscounts some events beside others."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.events import events
from support.kernel import FakeKernel, OpenEvent

from vmprof.counters import Counters, Machine, open_counters, parse_events
from vmprof.counters.encoding import HARDWARE, Encoding, Event
from vmprof.counters.hardware.pmu import Pmu
from vmprof.counters.reading.group import Opener
from vmprof.counters.reading.scope import Scope
from vmprof.counters.reading.trial import trouble_with

METAL = Machine(paranoid=1, pmus={"cpu": Pmu("cpu", 4, is_core=True)})
# Of another PMU, as msr/tsc/ is.
TSC = Event("msr/tsc/", (Encoding("msr", 11, 0),))
MSR = 11


def columns(opened: Counters) -> list[tuple[str, ...]]:
    return [one.layout.columns for one in opened.passes]


def sources(opened: Counters) -> list[list[tuple[str, ...]]]:
    return [[source.columns for source in one.sources] for one in opened.passes]


# ---- groups by kind ---------------------------------------------------------------


def test_events_of_other_pmus_have_groups_of_their_own(kernel: FakeKernel) -> None:
    group = (*events("cycles,page-faults,instructions", METAL), TSC)
    with open_counters([group], METAL) as found:
        assert columns(found) == [tuple(event.name for event in group)]
        assert sources(found) == [
            [("perf::CYCLES", "perf::INSTRUCTIONS"), ("perf::PAGE-FAULTS",), ("msr/tsc/",)]
        ]
        assert found.passes[0].how == "by 3 read() calls, one per thread and kind of event"


def test_a_clock_leads(kernel: FakeKernel) -> None:
    """Linux 6.18 reads it as 0 elsewhere: {page-faults,task-clock} is enough."""
    with open_counters(parse_events("{page-faults,task-clock,cpu-clock}", METAL), METAL) as found:
        assert sources(found) == [[("perf::TASK-CLOCK", "perf::PAGE-FAULTS"), ("perf::CPU-CLOCK",)]]


def test_software_events_are_one_group(kernel: FakeKernel) -> None:
    """One reading of a window is one system call where that is possible."""
    text = "page-faults,context-switches,task-clock,cpu-migrations"
    with open_counters(parse_events(text, METAL), METAL) as found:
        assert found.passes[0].how == "by one read() of the group"
        assert [len(each) for each in sources(found)] == [1]


# ---- what reads wrong beside others ---------------------------------------------------


@contextmanager
def clocks_stop_beside(kernel: FakeKernel, kind: int) -> Iterator[None]:
    """While an event of that type is enabled, clocks stand still, but for the first time."""
    enabled = 0
    pass_time = kernel.pass_time

    def stop(nanoseconds: int) -> None:
        nonlocal enabled
        before = {fd: event.count for fd, event in kernel.open.items() if event.is_clock}
        pass_time(nanoseconds)
        others = [e for e in kernel.open.values() if e.type == kind and e.enabled]
        enabled += bool(others)
        if others and enabled > 3:
            for fd, count in before.items():
                kernel.open[fd].count = count

    kernel.pass_time = stop  # type: ignore[method-assign]
    try:
        yield
    finally:
        kernel.pass_time = pass_time  # type: ignore[method-assign]


LONG = 100_000  # nanoseconds of a system call: so much that a clock's lag is seen


@pytest.fixture
def slow(kernel: FakeKernel) -> FakeKernel:
    kernel.system_call_ns = LONG
    return kernel


def test_an_event_that_reads_wrong_beside_others_gets_a_pass_of_its_own(slow: FakeKernel) -> None:
    with clocks_stop_beside(slow, MSR):
        groups = [(TSC,), *parse_events("task-clock,page-faults", METAL)]
        with open_counters(groups, METAL) as found:
            assert found.refused == {}
            assert columns(found) == [("msr/tsc/", "perf::PAGE-FAULTS"), ("perf::TASK-CLOCK",)]
            why = found.notes["Why several passes"]
            assert why.startswith("perf::TASK-CLOCK beside others: this kernel miscounts it")
            assert "PMU" not in why


def test_a_group_of_which_one_reads_wrong_is_refused(slow: FakeKernel) -> None:
    with clocks_stop_beside(slow, MSR):
        clock = events("task-clock")[0]
        with open_counters([(TSC, clock), (clock,)], METAL) as found:
            assert columns(found) == []
            for name in ("msr/tsc/", "perf::TASK-CLOCK"):
                assert found.refused[name].startswith("perf::TASK-CLOCK in its group: this kernel")


def test_what_takes_turns_is_tried_too(slow: FakeKernel) -> None:
    with clocks_stop_beside(slow, MSR):
        groups = [(TSC,), *parse_events("task-clock,page-faults", METAL)]
        with open_counters(groups, METAL, multiplex=True) as found:
            assert columns(found) == [("msr/tsc/", "perf::PAGE-FAULTS")]
            assert "this kernel miscounts it" in found.refused["perf::TASK-CLOCK"]


def test_a_counter_that_is_wrong_only_beside_others(kernel: FakeKernel) -> None:
    """As where two events want the same counter, and the kernel does not know."""

    def grow(event: OpenEvent) -> int:
        counting = [e for e in kernel.open.values() if kernel.open.get(e.leader, e).enabled]
        alone = sum(e.type == HARDWARE for e in counting) == 1
        return {0: 4_000_000, 1: 2_000_000 if alone else 7}[event.config]

    kernel.grow = grow
    with open_counters(parse_events("cycles,instructions", METAL), METAL) as found:
        assert found.refused == {}
        assert columns(found) == [("perf::CYCLES",), ("perf::INSTRUCTIONS",)]


def test_jitter_is_no_trouble(kernel: FakeKernel) -> None:
    for text in ("task-clock", "page-faults,task-clock,cpu-clock,cycles,instructions"):
        assert trouble_with(events(text, METAL), Opener(METAL)) is None


# ---- the trial succeeds, and then it does not -------------------------------------------


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many other threads, which wait."""
    over = threading.Event()
    waiting = [threading.Thread(target=over.wait) for _ in range(number)]
    for thread in waiting:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in waiting:
            thread.join()


@pytest.mark.parametrize("multiplex", [False, True])
def test_what_does_not_open_in_earnest_is_refused(kernel: FakeKernel, multiplex: bool) -> None:
    """One thread's counters open, and those of all threads are more files than allowed."""
    kernel.counters = 1
    groups, scope = parse_events("cycles,instructions", METAL), Scope("process")
    with threads(5):
        allowed = len(os.listdir("/proc/self/task")) + 2
        kernel.refuse = lambda event: errno.EMFILE if len(kernel.open) >= allowed else None
        found = open_counters(groups, METAL, scope=scope, multiplex=multiplex)
    with found:
        assert columns(found) == [("perf::CYCLES",)]
        assert found.refused == {"perf::INSTRUCTIONS": "too many open files; run: ulimit -n 4096"}


def test_a_group_that_cannot_be_switched_on_has_no_counts(kernel: FakeKernel) -> None:
    with open_counters(parse_events("page-faults", METAL), METAL) as found:
        (one,) = found.passes
        assert one.team.problem() is None
        kernel.refuse_control = lambda event: errno.ENODEV
        one.team.enable()
        one.team.disable()
        assert one.team.problem() == "perf::PAGE-FAULTS stayed off: No such device"
        kernel.refuse_control = lambda event: None
        one.team.enable()
        one.team.disable()
        assert one.team.problem() is None
