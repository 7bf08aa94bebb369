"""Groups, passes and what a machine refuses, on a kernel and a PMU that tests play."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.events import DEFAULT, SOFTWARE, events
from support.kernel import FakeKernel, OpenEvent, Page

from vmprof import VmprofError
from vmprof.counters import Counters, Machine, open_counters, parse_events
from vmprof.counters.encoding import HARDWARE, Encoding, Event
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import Pmu
from vmprof.counters.reading import trust
from vmprof.counters.reading.group import CounterGroup, Opener, Refused

METAL = Machine(paranoid=1, pmus={"cpu": Pmu("cpu", 4, is_core=True)})
HYBRID = Machine(
    paranoid=1,
    pmus={
        "cpu_core": Pmu("cpu_core", 4, cpus=(0, 1), is_core=True),
        "cpu_atom": Pmu("cpu_atom", 8, cpus=(2, 3), is_core=True),
    },
)
CYCLES = events("cycles", METAL)[0]


@contextmanager
def opened(text: str, machine: Machine = METAL) -> Iterator[CounterGroup]:
    with Opener(machine).open(events(text, machine)) as group:
        yield group


def counters(text: str, machine: Machine = METAL, **options: bool) -> Counters:
    software = parse_events(SOFTWARE, machine)
    return open_counters(parse_events(text, machine), machine, otherwise=software, **options)


def columns(opened: Counters) -> list[tuple[str, ...]]:
    return [one.layout.columns for one in opened.passes]


# ---- groups --------------------------------------------------------------------


def test_one_group_that_begins_disabled(kernel: FakeKernel) -> None:
    with opened(DEFAULT) as group:
        leader, *members = kernel.open.values()
        assert [(e.type, e.config) for e in kernel.open.values()] == [
            (HARDWARE, c) for c in (0, 1, 3, 7, 8)
        ]
        assert {e.leader for e in members} == {min(kernel.open)}
        assert (leader.disabled, leader.pinned) == (True, True)
        assert not any(e.disabled or e.pinned for e in members)
        assert not any(e.exclude_kernel for e in kernel.open.values())
        assert {(e.pid, e.cpu) for e in kernel.open.values()} == {(0, -1)}
        group.enable()
        group.disable()
    assert [control for _, control in kernel.controls] == ["enable", "disable"]


def test_the_leader_is_closed_last(kernel: FakeKernel) -> None:
    with opened(DEFAULT):
        leader = min(kernel.open)
    assert kernel.closed[-1] == leader
    assert len(kernel.closed) == len(events(DEFAULT))


def user_space_alone(event: OpenEvent) -> int | None:
    return None if event.exclude_kernel else errno.EACCES


def test_user_space_alone_where_the_permission_asks_for_it(kernel: FakeKernel) -> None:
    kernel.refuse = user_space_alone
    opener = Opener(METAL)
    with opener.open(events(DEFAULT)):
        assert opener.user_only
        assert all(event.exclude_kernel for event in kernel.open.values())


@pytest.mark.parametrize("name", ["context-switches", "cpu-migrations"])
def test_events_inside_the_kernel_are_absent_from_user_space(kernel: FakeKernel, name: str) -> None:
    """They would open, and read 0 for ever."""
    kernel.refuse = user_space_alone
    with pytest.raises(Refused, match=r"kernel\.perf_event_paranoid 2 hides"):
        Opener(Machine(paranoid=2)).open(events(name))


def test_everything_forbidden(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.EACCES
    opener = Opener(Machine(paranoid=3))
    with pytest.raises(Refused, match="perf_event_paranoid is 3; run: sudo sysctl"):
        opener.open(events("cycles"))
    assert not opener.user_only


def test_this_machines_own_software_events() -> None:
    """Page faults can be counted without privileges wherever perf events are allowed."""
    before = len(os.listdir("/proc/self/fd"))
    with open_counters(parse_events("page-faults,task-clock", METAL), Machine.read()) as found:
        counted = [column for one in found.passes for column in one.layout.columns]
        assert len(counted) + len(found.refused) == 2
        assert len(os.listdir("/proc/self/fd")) == before + len(counted)
    assert len(os.listdir("/proc/self/fd")) == before


# ---- hybrid processors -----------------------------------------------------------


def on_both(name: str, config: int) -> Event:
    return Event(
        name,
        tuple(Encoding(pmu.name, HARDWARE, pmu.type << 32 | config) for pmu in HYBRID.core_pmus),
    )


def test_a_hybrid_has_a_group_per_core_pmu_that_is_not_pinned(kernel: FakeKernel) -> None:
    faults = events("page-faults")[0]
    with Opener(HYBRID).open([on_both("c", 0), on_both("i", 1), faults]) as group:
        assert group.layout.columns == ("c", "i", "perf::PAGE-FAULTS")
        assert group.layout.sources == ((0, 1), (0, 1), (2,))
        assert [e.config for e in kernel.open.values()] == [
            4 << 32, 4 << 32 | 1, 8 << 32, 8 << 32 | 1, 2,
        ]  # fmt: skip
        assert not any(e.pinned for e in kernel.open.values())


def moving(kernel: FakeKernel, every: int) -> None:
    """The thread moves to the other kind of core each so many system calls."""
    calls = itertools.count()
    kernel.core = lambda: (4, 8)[next(calls) // every % 2]


@pytest.mark.parametrize("every", [1, 2, 3, 7, 1_000_000])
def test_a_hybrids_groups_count_all_the_time_together(kernel: FakeKernel, every: int) -> None:
    """Whatever the clock does between reading the one and the other."""
    moving(kernel, every)
    kernel.grow = lambda event: 2_500_000
    faults = events("page-faults")[0]
    with open_counters(
        [(on_both("perf::CYCLES", 0), on_both("r1", 1)), (faults,)], HYBRID
    ) as found:
        assert found.refused == {}
        assert columns(found) == [("perf::CYCLES", "r1", "perf::PAGE-FAULTS")]
        assert found.passes[0].layout.skew_ns > 0


def test_a_hybrids_group_that_gave_way_to_others_is_noticed(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving(kernel, 5)
    monkeypatch.setattr(trust, "known_loop", lambda: kernel.pass_time(1_000_000))
    kernel.counters = 1
    others = OpenEvent(HARDWARE, 0, 0, False, False, False, False, -1, -1, 0, enabled=True)
    kernel.open[1] = others
    with open_counters([(on_both("perf::CYCLES", 0),)], HYBRID) as found:
        assert "never scheduled" in found.refused["perf::CYCLES"]
    del kernel.open[1]


# ---- reading in user space --------------------------------------------------------


def test_user_space_reads(kernel: FakeKernel) -> None:
    """offset + the counter, which is signed and as wide as the page says; no system call."""
    kernel.pages = {0: Page(index=3, offset=1000, width=48), 1: Page(index=33, width=40)}
    kernel.rdpmc = lambda index: {3: 2**48 - 1, 33: 7}[index]
    with opened("cycles,instructions") as group:
        group.enable()
        assert not group.reads_by_system_call()
        (source,) = group.sources
        assert source.sample() == (0, 0, (999, 7))
        assert kernel.reads == 0
        assert len(kernel.mapped) == 2
    assert kernel.mapped == []


def test_a_change_in_between_is_read_again(kernel: FakeKernel) -> None:
    """The kernel moved the event to another counter while it was being read."""
    page = Page(index=1, offset=5)
    kernel.pages = {0: page}
    reads: list[int] = []

    def rdpmc(index: int) -> int:
        reads.append(index)
        if len(reads) == 3:  # the first two are those that find out how to read
            page.index, page.offset = 2, 100
            page.write(lock=2)
        return 10 * index

    kernel.rdpmc = rdpmc
    with opened("cycles") as group:
        group.enable()
        assert not group.reads_by_system_call()
        assert group.sources[0].sample() == (0, 0, (120,))
    assert reads == [1, 1, 1, 2]


@pytest.mark.parametrize(
    "page",
    [
        Page(index=0),  # not scheduled, or on Arm: kernel.perf_user_access is 0
        Page(index=5, rdpmc=False),
        Page(index=(1 << 29) + 1),  # Intel's topdown metrics
    ],
)
def test_a_page_that_cannot_be_read_means_a_system_call(kernel: FakeKernel, page: Page) -> None:
    kernel.pages = {0: Page(index=1), 1: page}
    with opened("cycles,instructions") as group:
        group.enable()
        assert group.reads_by_system_call() == 1
        sample = group.sources[0].sample()
        assert sample is not None
        assert sample.values == (4_000_000, 2_000_000)
        assert sample.enabled_ns == sample.running_ns > 0


def test_an_event_that_loses_its_counter_is_read_by_system_call(kernel: FakeKernel) -> None:
    page = Page(index=1, offset=3)
    kernel.pages = {0: page}
    with opened("cycles") as group:
        group.enable()
        assert group.sources[0].sample() == (0, 0, (3,))
        page.index = 0
        page.write()
        sample = group.sources[0].sample()
        assert sample is not None
        assert sample.values == (4_000_000,)
        assert sample.enabled_ns == sample.running_ns > 0


def test_pages_of_all_events_or_of_none(kernel: FakeKernel) -> None:
    """Software events have none that could be read."""
    kernel.pages = {0: Page(index=1)}
    with opened("cycles,instructions") as group:
        assert kernel.mapped == []
        group.enable()
        assert group.reads_by_system_call() == 1


def test_arm_is_asked_for_user_access(kernel: FakeKernel) -> None:
    """By the format term rdpmc, where the sysctl allows it."""
    from vmprof.counters.hardware.pmu import Field

    pmu = Pmu("armv8_pmuv3_0", 8, {"rdpmc": Field("config1", ((1, 1),))}, is_core=True)
    for access, expected in ((1, 2), (0, 0), (None, 0)):
        machine = Machine(perf_user_access=access, pmus={pmu.name: pmu})
        with Opener(machine).open(events("cycles,page-faults", machine)):
            assert [e.config1 for e in kernel.open.values()] == [expected, 0]


# ---- passes ------------------------------------------------------------------------


def test_what_fits_is_counted_in_one_pass(kernel: FakeKernel) -> None:
    with counters(DEFAULT) as found:
        assert columns(found) == [tuple(e.name for e in events(DEFAULT))]
        assert found.passes[0].how == "by one read() of the group"
        assert found.refused == {}
        assert not found.user_only


def test_more_events_than_counters_are_more_passes(kernel: FakeKernel) -> None:
    kernel.counters = 2
    with counters("cycles,instructions,cache-misses,page-faults,branches") as found:
        assert columns(found) == [
            ("perf::CYCLES", "perf::INSTRUCTIONS", "perf::PAGE-FAULTS"),
            ("perf::CACHE-MISSES", "perf::BRANCHES"),
        ]
        assert found.refused == {}
        assert found.notes == {
            "Why several passes": "the PMU does not hold all events at the same time"
        }


def test_what_takes_counters_away_is_said(kernel: FakeKernel) -> None:
    kernel.counters = 1
    intel = Processor(vendor="GenuineIntel")
    machine = Machine(pmus=METAL.pmus, nmi_watchdog=True, smt_active=True, processors={0: intel})
    with counters("cycles,instructions", machine) as found:
        why = found.notes["Why several passes"]
        assert "sudo sysctl kernel.nmi_watchdog=0; SMT is on, which halves" in why
    with counters("cycles", machine) as found:
        assert found.notes == {}


def test_an_event_that_opens_beside_others_but_is_never_scheduled_gets_its_own_pass(
    kernel: FakeKernel,
) -> None:
    """As with the NMI watchdog on a counter: the kernel's check of a group does not know of it."""
    kernel.counters = 3
    watchdog = OpenEvent(HARDWARE, 0, 0, False, True, False, False, -1, -1, 0, enabled=True)
    kernel.open[1] = watchdog
    with counters("cycles,instructions,branches") as found:
        assert columns(found) == [("perf::CYCLES", "perf::INSTRUCTIONS"), ("perf::BRANCHES",)]
    del kernel.open[1]


def test_a_group_in_braces_stays_together(kernel: FakeKernel) -> None:
    kernel.counters = 2
    with counters("cycles,{instructions,branches}") as found:
        assert columns(found) == [
            ("perf::CYCLES",),
            ("perf::INSTRUCTIONS", "perf::BRANCHES"),
        ]


def test_a_group_that_does_not_fit_is_refused_whole(kernel: FakeKernel) -> None:
    kernel.counters = 2
    machine = Machine(pmus=METAL.pmus, nmi_watchdog=True)
    with counters("{cycles,instructions,branches},cycles,page-faults", machine) as found:
        assert columns(found) == [("perf::PAGE-FAULTS",)]
        assert set(found.refused) == {"perf::CYCLES", "perf::INSTRUCTIONS", "perf::BRANCHES"}
        reason = found.refused["perf::CYCLES"]
        assert "cannot count the 3 events of its group at the same time" in reason
        assert "sudo sysctl kernel.nmi_watchdog=0" in reason


def test_groups_that_share_an_event_are_one(kernel: FakeKernel) -> None:
    """Else a quotient of the second would be of two passes."""
    kernel.counters = 3
    with counters("{cycles,instructions},page-faults,{cycles,branches}") as found:
        assert columns(found) == [
            ("perf::CYCLES", "perf::INSTRUCTIONS", "perf::BRANCHES", "perf::PAGE-FAULTS")
        ]
    kernel.counters = 2
    with counters("{cycles,instructions},page-faults,{cycles,branches}") as found:
        assert columns(found) == [("perf::PAGE-FAULTS",)]
        assert "the 3 events of its group" in found.refused["perf::BRANCHES"]


@pytest.mark.parametrize(
    "text",
    [
        "{cycles,instructions,branches},{cycles,instructions}",
        "{cycles,instructions},{instructions,branches},{cycles,branches}",
        "{cycles,instructions},{branches,cycles,instructions},page-faults,{page-faults}",
    ],
)
def test_groups_that_hold_one_another(kernel: FakeKernel, text: str) -> None:
    with counters(text) as found:
        counted = [column for one in columns(found) for column in one]
        assert sorted(counted) == sorted({event.name for event in events(text, METAL)})


def test_multiplexed_events_take_turns_in_one_pass(kernel: FakeKernel) -> None:
    kernel.counters = 1
    with counters("cycles,instructions,page-faults", multiplex=True) as found:
        (one,) = found.passes
        assert one.layout.columns == ("perf::CYCLES", "perf::INSTRUCTIONS", "perf::PAGE-FAULTS")
        assert one.layout.sources == ((0,), (1,), (2,))
        assert one.layout.multiplexed
        assert not any(event.pinned for event in kernel.open.values())


@pytest.mark.parametrize("text", ["cycles", "{cycles,instructions}"])
def test_one_group_takes_turns_with_nobody(kernel: FakeKernel, text: str) -> None:
    with counters(text, multiplex=True) as found:
        assert not found.passes[0].layout.multiplexed
        assert "takes turns with nobody" in found.notes["Multiplexing"]


def test_a_single_pass_must_hold_everything(kernel: FakeKernel) -> None:
    kernel.counters = 2
    with counters("cycles,instructions", single_pass=True) as found:
        assert len(found.passes) == 1
    with pytest.raises(VmprofError, match=r"the events need 2 passes .* --multiplex"):
        counters("cycles,instructions,branches", single_pass=True)


def test_the_default_falls_back_to_software_events(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.type == HARDWARE else None
    with counters(DEFAULT) as found:
        assert columns(found) == [tuple(e.name for e in events(SOFTWARE))]
        assert set(found.refused) == {e.name for e in events(DEFAULT)}


def test_what_opens_is_counted_and_the_rest_has_a_reason(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.config in (0, 7, 8) else None
    with counters(DEFAULT) as found:
        assert columns(found) == [("perf::INSTRUCTIONS", "perf::CACHE-MISSES")]
        assert set(found.refused) == {
            "perf::CYCLES",
            "perf::STALLED-CYCLES-FRONTEND",
            "perf::STALLED-CYCLES-BACKEND",
        }
        assert all(event.is_hardware for event in kernel.open.values())


# ---- trust -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "growth", "problem"),
    [
        ("instructions", 2_000_000, None),
        ("instructions", 2_000_345, None),
        ("instructions", 1_999_999, "reads 1,999,999 over a loop where 2,000,000 to 3,000,000"),
        ("instructions", 0, "reads 0 over a loop"),
        ("instructions", 4_000_000, "reads 4,000,000 over"),
        ("branches", 500_000, "reads 500,000 over"),
        ("cycles", 0, "reads 0 over"),
        ("stalled-cycles-frontend", 0, "stands still over work that must move it"),
        ("stalled-cycles-frontend", 1, None),
        ("cache-misses", 0, "stands still"),
        ("page-faults", 0, None),
        ("instructions:k", 0, None),
    ],
)
def test_a_counter_is_checked_against_known_work(
    kernel: FakeKernel, name: str, growth: int, problem: str | None
) -> None:
    kernel.grow = lambda event: growth
    with open_counters(parse_events(name, METAL), METAL) as found:
        if problem is None:
            assert found.refused == {}
        else:
            (reason,) = found.refused.values()
            assert problem in reason
            assert found.passes == ()


def test_a_raw_event_that_reads_0_is_doubtful(kernel: FakeKernel) -> None:
    kernel.grow = lambda event: 0
    with open_counters(parse_events("r01c2", METAL), METAL) as found:
        assert columns(found) == [("r01c2",)]
        assert found.unproven == {"r01c2"}


def test_a_counter_that_another_holds(kernel: FakeKernel) -> None:
    kernel.counters = 1
    kernel.open[1] = OpenEvent(HARDWARE, 0, 0, False, True, False, False, -1, -1, 0, enabled=True)
    with open_counters(parse_events("cycles,cache-misses", METAL), METAL) as found:
        assert found.passes == ()
        for reason in found.refused.values():
            assert "never scheduled: its counter is held by another user of perf" in reason
    del kernel.open[1]


# ---- CPU-wide events -----------------------------------------------------------------


ENERGY = Event(
    "power/energy-pkg/", (Encoding("power", 22, 2, cpus=(0, 8)),), False, 2**-32, "Joules"
)


def test_energy_is_counted_per_package_and_summed(kernel: FakeKernel) -> None:
    kernel.grow = lambda event: 2**31
    with open_counters([(ENERGY,)], METAL) as found:
        assert found.passes == ()
        assert [(e.pid, e.cpu) for e in kernel.open.values()] == [(-1, 0), (-1, 8)]
        assert found.wide.columns == ("power/energy-pkg/ (uJ)",)
        before, after = found.wide.read(), found.wide.read()
        assert before == [1_000_000]
        assert after == [2_000_000]


def test_energy_without_permission_is_refused(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.EACCES if event.cpu == 8 else None
    with open_counters([(ENERGY,)], METAL) as found:
        assert found.wide.columns == ()
        assert "perf_event_paranoid" in found.refused["power/energy-pkg/"]
