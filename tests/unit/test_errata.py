"""Events that a machine seems to count, and that are refused there."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from support.events import DEFAULT, events
from support.kernel import FakeKernel, OpenEvent, Page
from support.machines import machine

from vmprof.counters import Machine, parse_events
from vmprof.counters.encoding import RAW
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import NamedEvent
from vmprof.counters.reading.errata import group_objection, objection
from vmprof.counters.reading.plan import open_counters

XEON = machine("intel-sapphire-rapids")
ALDER = machine("intel-alder-lake")
ZEN4 = machine("amd-zen4")
ZEN5 = machine("amd-zen5")
ROCKCHIP = machine("arm-big-little")


def refused(machine: Machine, text: str = DEFAULT) -> dict[str, str]:
    """The events of ``text`` that are objected to, and why."""
    reasons = {event.name: objection(event, machine) for event in events(text, machine)}
    return {
        name.removeprefix("perf::"): reason
        for name, reason in reasons.items()
        if reason is not None
    }


def with_events(machine: Machine, **changes: str | None) -> Machine:
    """``machine``, whose one core PMU lists other events."""
    (pmu,) = machine.core_pmus
    listed = dict(pmu.events)
    for name, terms in changes.items():
        listed.pop(name.replace("_", "-"), None)
        if terms is not None:
            listed[name.replace("_", "-")] = NamedEvent(terms)
    return replace(machine, pmus={**machine.pmus, pmu.name: replace(pmu, events=listed)})


def test_zen4_before_linux_6_9_counts_something_else() -> None:
    reasons = refused(ZEN4)
    assert set(reasons) == {"STALLED-CYCLES-FRONTEND", "STALLED-CYCLES-BACKEND"}
    assert all(
        "PMCx087, which AMD processors since Zen 2 do not have" in r for r in reasons.values()
    )
    assert set(refused(ZEN4, "stalled-cycles-backend:u")) == {"STALLED-CYCLES-BACKEND:u"}


def test_zen5_has_frontend_stalls_alone() -> None:
    assert refused(ZEN5) == {
        "STALLED-CYCLES-BACKEND": "AMD processors since Zen 2 have no event for backend stalls"
    }


def test_a_corrected_kernel_of_an_old_number_is_believed() -> None:
    fixed = with_events(ZEN4, stalled_cycles_frontend="event=0xa9", stalled_cycles_backend=None)
    assert set(refused(fixed)) == {"STALLED-CYCLES-BACKEND"}


@pytest.mark.parametrize(
    ("family", "model", "is_refused"),
    [
        (0x17, 0x01, False),  # Zen
        (0x17, 0x08, False),  # Zen+
        (0x17, 0x31, True),  # Zen 2
        (0x17, 0x71, True),
        (0x19, 0x01, True),  # Zen 3
        (0x15, 0x02, False),  # Bulldozer
    ],
)
def test_which_amd_processors_have_pmc087(family: int, model: int, *, is_refused: bool) -> None:
    processor = Processor("AuthenticAMD", family=family, model=model)
    assert bool(refused(replace(ZEN4, processors={0: processor}))) == is_refused


def test_without_the_list_of_events_the_kernels_number_decides() -> None:
    (pmu,) = ZEN4.core_pmus
    silent = replace(ZEN4, pmus={"cpu": replace(pmu, events={})})
    assert len(refused(silent)) == 2
    assert refused(replace(silent, kernel=(6, 9))) == {}


@pytest.mark.parametrize("machine", [XEON, ALDER], ids=["xeon", "alder"])
def test_intel_has_no_stalled_cycles(machine: Machine) -> None:
    reasons = refused(machine)
    assert "since Haswell have no event for frontend stalls" in reasons.pop(
        "STALLED-CYCLES-FRONTEND"
    )
    assert "since Ivy Bridge have no event for backend" in reasons.pop("STALLED-CYCLES-BACKEND")
    assert reasons == {}


def test_intel_that_has_stalled_cycles() -> None:
    ivy = with_events(XEON, stalled_cycles_frontend="event=0x0e,umask=0x01,inv,cmask=0x01")
    assert set(refused(ivy)) == {"STALLED-CYCLES-BACKEND"}


def test_any_other_event_that_the_kernel_has_nothing_for() -> None:
    assert refused(ZEN4, "ref-cycles,cycles") == {
        "REF-CYCLES": "this kernel has no event of this processor for it"
    }
    assert refused(ZEN5, "ref-cycles") == {}


def test_big_little_before_linux_6_6() -> None:
    reasons = refused(ROCKCHIP, "cycles,branches,L1-dcache-loads,page-faults")
    assert set(reasons) == {"BRANCHES", "L1-DCACHE-LOADS"}
    assert "armv8_cortex_a72 does not list it, and kernels before 6.6" in reasons["BRANCHES"]
    assert refused(replace(ROCKCHIP, kernel=(6, 6)), "branches,L1-dcache-loads") == {}


@pytest.mark.parametrize("name", ["arm-graviton2", "vm-without-pmu"])
def test_no_objection_elsewhere(name: str) -> None:
    assert refused(machine(name)) == {}


def test_topdown_metrics_need_slots_to_lead() -> None:
    def why_not(text: str, machine: Machine = XEON) -> str | None:
        (group,) = parse_events(text, machine)
        return group_objection(group, machine)

    lone = why_not("topdown-retiring")
    assert lone is not None
    assert "'topdown-retiring' is counted only in a group that slots leads" in lone
    assert "write {cpu/slots/,...}" in lone
    assert why_not("{topdown-retiring,slots}") is not None
    assert why_not("{slots,topdown-retiring,topdown-mem-bound}:u") is None
    assert why_not("{cpu_core/slots/,cpu_core/topdown-be-bound/}", ALDER) is None
    # Atoms count the same names as ordinary events.
    assert why_not("cpu_atom/topdown-be-bound/", ALDER) is None
    assert why_not("topdown-be-bound", ALDER) is not None
    assert why_not("cycles") is None


def topdown_pmu(event: OpenEvent, kernel: FakeKernel) -> int | None:
    """Refuses metrics that slots does not lead, as intel_pmu_hw_config does."""
    if event.type != RAW or event.config < 0x8000:
        return None
    leader = kernel.open.get(event.leader)
    return None if leader is not None and leader.config == 0x400 else errno.EINVAL


def test_topdown_metrics_are_counted_with_slots(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: topdown_pmu(event, kernel)
    groups = parse_events("{slots,topdown-retiring,topdown-fe-bound}", XEON)
    with open_counters(groups, XEON) as counters:
        assert counters.refused == {}
        assert [one.layout.columns for one in counters.passes] == [
            ("slots", "topdown-retiring", "topdown-fe-bound")
        ]


def test_topdown_metrics_are_not_read_in_user_space(kernel: FakeKernel) -> None:
    """There, rdpmc gives the shares of all metrics in one word."""
    kernel.pages = {0x400: Page(1 << 30), 0x8000: Page((1 << 29) + 1)}
    for page in kernel.pages.values():
        page.write()

    def how(text: str) -> str:
        with open_counters(parse_events(text, XEON), XEON) as counters:
            (one,) = counters.passes
            return one.how

    assert how("slots") == "in user space, without a system call"
    assert how("{slots,topdown-retiring}") == "by one read() of the group"


def test_a_lone_topdown_metric_says_what_it_needs(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: topdown_pmu(event, kernel)
    with open_counters(parse_events("topdown-retiring,cycles", XEON), XEON) as counters:
        assert [one.layout.columns for one in counters.passes] == [("perf::CYCLES",)]
        assert "write {cpu/slots/,...}" in counters.refused["topdown-retiring"]
