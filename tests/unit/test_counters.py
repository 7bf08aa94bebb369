"""Event names, groups and what a machine refuses, on a kernel that tests play."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from support.kernel import FakeKernel, OpenEvent

from vmprof import VmprofError
from vmprof.counters import CounterGroup, open_default, parse_events
from vmprof.counters.events import HARDWARE, REFERENCE, SOFTWARE, SOFTWARE_EVENTS
from vmprof.counters.permissions import Machine, explain, kernel_needed

METAL = Machine(paranoid=1, has_pmu=True, is_virtual=False, has_seccomp=False)
GUEST = Machine(paranoid=3, has_pmu=False, is_virtual=True, has_seccomp=False)
CYCLES, INSTRUCTIONS = REFERENCE[:2]


def names(events: object) -> list[str]:
    return [event.name for event in events]  # type: ignore[attr-defined]


# ---- names ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["cycles", "perf::CYCLES", "CYCLES", " perf::cycles ,"])
def test_spellings(text: str) -> None:
    assert parse_events(text) == (CYCLES,)


def test_a_list_keeps_its_order_and_names_each_once() -> None:
    assert names(parse_events("page-faults,cycles,perf::PAGE-FAULTS")) == [
        "perf::PAGE-FAULTS",
        "perf::CYCLES",
    ]


@pytest.mark.parametrize("text", ["", "none", " , "])
def test_no_events(text: str) -> None:
    assert parse_events(text) == ()


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(VmprofError, match=r"no event 'cycle'; there are: cache-misses, .*cycles"):
        parse_events("cycles,cycle")


# ---- groups --------------------------------------------------------------------


def test_one_group_that_begins_disabled(kernel: FakeKernel) -> None:
    with CounterGroup(REFERENCE, METAL) as group:
        events = list(kernel.open.values())
        assert [(e.type, e.config) for e in events] == [(HARDWARE, c) for c in (0, 1, 3, 7, 8)]
        assert [e.leader for e in events] == [-1] + [group.leader] * 4
        assert [e.disabled for e in events] == [True] + [False] * 4
        assert not any(e.exclude_kernel for e in events)
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
    with CounterGroup(SOFTWARE_EVENTS, Machine(2, True, False, False)) as group:
        assert names(group.events) == ["perf::TASK-CLOCK", "perf::PAGE-FAULTS"]
        assert set(group.refused) == {"perf::CONTEXT-SWITCHES", "perf::CPU-MIGRATIONS"}
        assert "kernel.perf_event_paranoid 2 hides" in group.refused["perf::CPU-MIGRATIONS"]


def test_everything_forbidden(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.EACCES
    with CounterGroup(REFERENCE, Machine(3, True, False, False)) as group:
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
    with CounterGroup(parse_events("page-faults,task-clock")) as group:
        assert len(group.events) + len(group.refused) == 2
        assert len(os.listdir("/proc/self/fd")) == before + len(group.events)
    assert len(os.listdir("/proc/self/fd")) == before


# ---- reasons -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "machine", "reason"),
    [
        (errno.EACCES, Machine(3, True, False, False), "perf_event_paranoid is 3; run: sudo"),
        (errno.EPERM, Machine(4, True, False, True), "perf_event_paranoid is 4"),
        (errno.EPERM, Machine(1, True, False, True), "seccomp filter .* --cap-add PERFMON"),
        (errno.ENOENT, GUEST, "this virtual machine has no PMU; .*pmu=on"),
        (errno.ENOENT, Machine(1, False, False, False), "found no PMU in this processor"),
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


def tree(root: Path, paranoid: str | None, pmu: str | None, cpuinfo: str, status: str) -> Machine:
    """The machine that files under ``root`` describe."""
    proc, sys = root / "proc", root / "sys"
    (proc / "self").mkdir(parents=True)
    (proc / "cpuinfo").write_text(cpuinfo)
    (proc / "self/status").write_text(status)
    if paranoid is not None:
        (proc / "sys/kernel").mkdir(parents=True)
        (proc / "sys/kernel/perf_event_paranoid").write_text(paranoid)
    (sys / "bus/event_source/devices").mkdir(parents=True)
    if pmu is not None:
        (sys / "bus/event_source/devices" / pmu).mkdir()
    return Machine.read(proc, sys)


def test_reading_a_machine(tmp_path: Path) -> None:
    intel = tree(tmp_path / "a", "2\n", "cpu", "flags : fpu vme\n", "Name:\tx\nSeccomp:\t0\n")
    assert intel == Machine(paranoid=2, has_pmu=True, is_virtual=False, has_seccomp=False)
    cloud = tree(tmp_path / "b", None, "software", "flags : hypervisor\n", "x\nSeccomp:\t2\n")
    assert cloud == Machine(paranoid=None, has_pmu=False, is_virtual=True, has_seccomp=True)
    assert tree(tmp_path / "c", "-1", "armv8_pmuv3_0", "", "").has_pmu
    assert tree(tmp_path / "d", "1", "cpu_core", "", "").has_pmu
    assert Machine.read(tmp_path / "none", tmp_path / "none") == Machine(None, False, False, False)
