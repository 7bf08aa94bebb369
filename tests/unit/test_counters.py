"""Event names, groups and what a machine refuses, on a kernel that tests play."""

from __future__ import annotations

import errno
import os
import re

import pytest
from support.events import events
from support.kernel import FakeKernel, OpenEvent

from vmprof import VmprofError
from vmprof.counters import CounterGroup, Machine, open_default
from vmprof.counters import events as event_names
from vmprof.counters.encoding import HARDWARE, SOFTWARE
from vmprof.counters.permissions import explain, kernel_needed
from vmprof.counters.pmu import Pmu

PMUS = {"cpu": Pmu("cpu", 4, is_core=True)}
METAL = Machine(paranoid=1, pmus=PMUS)
GUEST = Machine(paranoid=3, is_virtual=True)


REFERENCE = events(",".join(event_names.REFERENCE))
SOFTWARE_EVENTS = events(",".join(event_names.SOFTWARE_EVENTS))
CYCLES, INSTRUCTIONS = REFERENCE[:2]


def names(events: object) -> list[str]:
    return [event.name for event in events]  # type: ignore[attr-defined]


# ---- names ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["cycles", "perf::CYCLES", "CYCLES", " perf::cycles ,"])
def test_spellings(text: str) -> None:
    assert events(text) == [CYCLES]


def test_a_list_keeps_its_order_and_names_each_once() -> None:
    assert names(events("page-faults,cycles,perf::PAGE-FAULTS")) == [
        "perf::PAGE-FAULTS",
        "perf::CYCLES",
    ]


@pytest.mark.parametrize("text", ["", "none", " , "])
def test_no_events(text: str) -> None:
    assert events(text) == []


def test_an_unknown_name_lists_what_is_close() -> None:
    with pytest.raises(VmprofError, match=r"no event 'cycle'; did you mean: .*cycles"):
        events("cycles,cycle")


# ---- groups --------------------------------------------------------------------


def test_one_group_that_begins_disabled(kernel: FakeKernel) -> None:
    with CounterGroup(REFERENCE, METAL) as group:
        opened = list(kernel.open.values())
        assert [(e.type, e.config) for e in opened] == [(HARDWARE, c) for c in (0, 1, 3, 7, 8)]
        assert [e.leader for e in opened] == [-1] + [group.leader] * 4
        assert [e.disabled for e in opened] == [True] + [False] * 4
        assert not any(e.exclude_kernel for e in opened)
        group.enable()
        group.disable()
    assert [control for _, control in kernel.controls] == ["enable", "disable"]


def test_the_leader_is_closed_last(kernel: FakeKernel) -> None:
    with CounterGroup(REFERENCE, METAL) as group:
        leader = group.leader
    assert kernel.closed[-1] == leader
    assert len(kernel.closed) == len(REFERENCE)


def test_what_opens_is_counted_and_the_rest_has_a_reason(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.config in (0, 7, 8) else None
    with CounterGroup(REFERENCE, METAL) as group:
        assert names(group.events) == ["perf::INSTRUCTIONS", "perf::CACHE-MISSES"]
        assert set(group.refused) == {
            "perf::CYCLES",
            "perf::STALLED-CYCLES-FRONTEND",
            "perf::STALLED-CYCLES-BACKEND",
        }
        # The first that opens leads.
        assert next(iter(kernel.open.values())).leader == -1


def user_space_alone(event: OpenEvent) -> int | None:
    return None if event.exclude_kernel else errno.EACCES


def test_user_space_alone_where_the_permission_asks_for_it(kernel: FakeKernel) -> None:
    kernel.refuse = user_space_alone
    with CounterGroup(REFERENCE, METAL) as group:
        assert group.user_only
        assert names(group.events) == names(REFERENCE)
        assert all(event.exclude_kernel for event in kernel.open.values())


def test_events_inside_the_kernel_are_absent_from_user_space(kernel: FakeKernel) -> None:
    """They would open, and read 0 for ever."""
    kernel.refuse = user_space_alone
    with CounterGroup(SOFTWARE_EVENTS, Machine(paranoid=2, pmus=PMUS)) as group:
        assert names(group.events) == ["perf::TASK-CLOCK", "perf::PAGE-FAULTS"]
        assert set(group.refused) == {"perf::CONTEXT-SWITCHES", "perf::CPU-MIGRATIONS"}
        assert "kernel.perf_event_paranoid 2 hides" in group.refused["perf::CPU-MIGRATIONS"]


def test_everything_forbidden(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.EACCES
    with CounterGroup(REFERENCE, Machine(paranoid=3, pmus=PMUS)) as group:
        assert group.events == []
        assert group.leader == -1
        assert not group.user_only
        group.enable()
        group.disable()
    assert kernel.controls == []
    assert "perf_event_paranoid is 3; run: sudo sysctl" in group.refused["perf::CYCLES"]


def test_the_default_falls_back_to_software_events(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.type == HARDWARE else None
    with open_default() as group:
        assert names(group.events) == names(SOFTWARE_EVENTS)
        assert set(group.refused) == set(names(REFERENCE))


def test_the_default_is_the_reference_where_any_of_it_opens(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.config != 1 else None
    with open_default() as group:
        assert names(group.events) == ["perf::INSTRUCTIONS"]
        assert all(event.type != SOFTWARE for event in kernel.open.values())


def test_this_machines_own_software_events() -> None:
    """Page faults can be counted without privileges wherever perf events are allowed."""
    before = len(os.listdir("/proc/self/fd"))
    with CounterGroup(events("page-faults,task-clock")) as group:
        assert len(group.events) + len(group.refused) == 2
        assert len(os.listdir("/proc/self/fd")) == before + len(group.events)
    assert len(os.listdir("/proc/self/fd")) == before


# ---- reasons -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "machine", "reason"),
    [
        (errno.EACCES, Machine(paranoid=3, pmus=PMUS), "perf_event_paranoid is 3; run: sudo"),
        (errno.EPERM, Machine(paranoid=4, pmus=PMUS, has_seccomp=True), "perf_event_paranoid is 4"),
        (
            errno.EPERM,
            Machine(paranoid=1, pmus=PMUS, has_seccomp=True),
            "seccomp filter .* --cap-add PERFMON",
        ),
        (errno.ENOENT, GUEST, "this virtual machine has no PMU; .*pmu=on"),
        (errno.ENOENT, Machine(paranoid=1), "found no PMU in this processor"),
        (errno.ENOENT, METAL, "this processor's PMU does not have the event"),
        (errno.EOPNOTSUPP, METAL, "does not have the event"),
        (errno.ENOSYS, METAL, "without perf events"),
        (errno.EMFILE, METAL, "ulimit -n"),
        (errno.EINVAL, METAL, "together with the other events; ask for fewer"),
        (errno.EIO, METAL, r"Input/output error \(errno 5\)"),
    ],
)
def test_reasons_and_remedies(code: int, machine: Machine, reason: str) -> None:
    assert re.search(reason, explain(code, CYCLES, machine))


def test_a_software_event_never_blames_the_pmu() -> None:
    assert "PMU" not in explain(errno.ENOENT, SOFTWARE_EVENTS[0], GUEST)
    assert "paranoid 3 hides" in kernel_needed(GUEST)
