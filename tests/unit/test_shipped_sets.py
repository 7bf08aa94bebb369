"""The sets that vmprof brings, on recorded machines."""

from __future__ import annotations

import pytest
from support import machines

from vmprof import VmprofError
from vmprof.counters import Machine
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import NamedEvent, Pmu
from vmprof.counters.reading.errata import group_objection, objection
from vmprof.counters.reading.wide import WideEvent
from vmprof.counters.sets import CounterSet, load_set, sets_of
from vmprof.report.derive import evaluate
from vmprof.values import Count, Metric, Percent, Ratio

ON_EVERY_MACHINE = ("branch", "cache", "default", "ipc", "software", "stalls", "tlb")
NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}


def on(machine: str, name: str) -> CounterSet:
    return load_set(name, machines.machine(machine), NOWHERE)


def columns(loaded: CounterSet) -> list[list[str]]:
    return [[event.name for event in group] for group in loaded.groups]


def values(loaded: CounterSet, *numbers: float, seconds: float = 1.0) -> dict[str, Metric]:
    """The metrics for these numbers of the set's events, in their order."""
    names = [
        WideEvent(event).column if event.cpu_wide else event.name
        for group in loaded.groups
        for event in group
    ]
    row = dict(zip(names, numbers, strict=True))
    return evaluate(loaded.metrics, {**row, "Duration (us)": seconds * 1e6})


def test_these_are_all() -> None:
    assert set(sets_of(NOWHERE)) == {*ON_EVERY_MACHINE, "energy"}


@pytest.mark.parametrize("machine", machines.NAMES)
@pytest.mark.parametrize("name", ON_EVERY_MACHINE)
def test_each_has_something_for_every_machine(name: str, machine: str) -> None:
    loaded = on(machine, name)
    assert loaded.groups
    assert 100 < len(loaded.description) < 700
    known = machines.machine(machine)
    assert [group_objection(group, known) for group in loaded.groups] == [None] * len(loaded.groups)


@pytest.mark.parametrize(
    "machine", ["amd-zen4", "amd-zen5", "intel-alder-lake", "intel-sapphire-rapids"]
)
def test_stalls_asks_only_for_what_the_processor_has(machine: str) -> None:
    known = machines.machine(machine)
    (group,) = load_set("stalls", known, NOWHERE).groups
    assert [objection(event, known) for event in group] == [None] * 5


def test_the_default_is_the_references_five_and_falls_back() -> None:
    loaded = on("intel-sapphire-rapids", "default")
    assert columns(loaded) == [
        ["perf::CYCLES"],
        ["perf::INSTRUCTIONS"],
        ["perf::CACHE-MISSES"],
        ["perf::STALLED-CYCLES-FRONTEND"],
        ["perf::STALLED-CYCLES-BACKEND"],
    ]
    assert (loaded.metrics, loaded.fallback) == ((), "software")


def test_ipc() -> None:
    loaded = on("arm-graviton2", "ipc")
    assert columns(loaded) == [["perf::CYCLES", "perf::INSTRUCTIONS"]]
    assert values(loaded, 2e9, 5e9) == {"IPC": Ratio(2.5)}


def test_branch_tlb_and_software() -> None:
    assert values(on("amd-zen5", "branch"), 10_000, 2000, 10) == {
        "Branch misses (%)": Percent(0.5),
        "Branch misses per 1000 instructions": Ratio(1.0),
    }
    assert values(on("amd-zen5", "tlb"), 10_000, 20, 5) == {
        "dTLB misses per 1000 instructions": Ratio(2.0),
        "iTLB misses per 1000 instructions": Ratio(0.5),
    }
    assert values(on("vm-without-pmu", "software"), 250e6, 100, 2, 3) == {
        "Page faults per ms": Ratio(0.4)
    }


@pytest.mark.parametrize(
    ("machine", "last", "title"),
    [
        ("intel-sapphire-rapids", ["perf::CACHE-REFERENCES", "perf::CACHE-MISSES"], "LLC"),
        ("amd-zen4", ["perf::CACHE-REFERENCES", "perf::CACHE-MISSES"], "L2"),
        ("arm-graviton2", ["perf::LLC-LOADS", "perf::LLC-LOAD-MISSES"], "LLC"),
    ],
)
def test_the_last_cache_level_differs(machine: str, last: list[str], title: str) -> None:
    loaded = on(machine, "cache")
    first = ["perf::INSTRUCTIONS", "perf::L1-DCACHE-LOADS", "perf::L1-DCACHE-LOAD-MISSES"]
    assert columns(loaded) == [first, last]
    assert values(loaded, 1000, 400, 100, 50, 5) == {
        "L1 misses (%)": Percent(25.0),
        "L1 misses per 1000 instructions": Ratio(100.0),
        f"{title} misses (%)": Percent(10.0),
    }


def test_stalls_in_slots_on_intel() -> None:
    for machine, pmu in (("intel-sapphire-rapids", "cpu"), ("intel-alder-lake", "cpu_core")):
        loaded = on(machine, "stalls")
        assert loaded.groups[0][0].name == f"{pmu}/slots/"
        assert {e.pmu for event in loaded.groups[0] for e in event.encodings} == {pmu}
        assert values(loaded, 600, 300, 60, 90, 150) == {
            "Retiring (%)": Percent(50.0),
            "Bad speculation (%)": Percent(10.0),
            "Frontend (%)": Percent(15.0),
            "Backend (%)": Percent(25.0),
        }


@pytest.mark.parametrize(("machine", "width"), [("amd-zen4", 6), ("amd-zen5", 8)])
def test_stalls_in_slots_on_amd(machine: str, width: int) -> None:
    loaded = on(machine, "stalls")
    (group,) = loaded.groups
    # de_no_dispatch_per_slot is event 0x1a0: its high bits go to config:32-35.
    assert [event.encodings[0].config for event in group[1:]] == [
        0xC1,
        0x7AA,
        0x1_0000_01A0,
        0x1_0000_1EA0,
    ]
    slots = 100 * width
    assert values(loaded, 100, slots / 2, slots * 0.6, slots / 4, slots / 8) == {
        "Retiring (%)": Percent(50.0),
        "Bad speculation (%)": Percent(pytest.approx(10.0)),
        "Frontend (%)": Percent(25.0),
        "Backend (%)": Percent(12.5),
    }


def skylake(*, smt: bool) -> Machine:
    names = ("slots-issued", "slots-retired", "fetch-bubbles", "recovery-bubbles")
    events = {f"topdown-{name}": NamedEvent("event=0x1") for name in names}
    zen = machines.machine("amd-zen4").pmus["cpu"]
    return Machine(
        processors={0: Processor(vendor="GenuineIntel", family=6, model=85)},
        smt_active=smt,
        pmus={"cpu": Pmu("cpu", 4, formats=zen.formats, events=events, is_core=True)},
    )


def test_stalls_on_skylake_without_smt() -> None:
    loaded = load_set("stalls", skylake(smt=False), NOWHERE)
    # 1000 slots: 520 issued, 400 retired, 200 empty, 10 cycles (40 slots) of recovery.
    assert values(loaded, 250, 520, 400, 200, 10) == {
        "Retiring (%)": Percent(40.0),
        "Bad speculation (%)": Percent(16.0),
        "Frontend (%)": Percent(20.0),
        "Backend (%)": Percent(pytest.approx(24.0)),
    }


def test_stalls_on_skylake_with_smt() -> None:
    loaded = load_set("stalls", skylake(smt=True), NOWHERE)
    assert columns(loaded) == [["perf::CYCLES", "stalls_total"]]
    assert loaded.groups[0][1].encodings[0].config == 0x040004A3
    assert values(loaded, 200, 50) == {"Not executing (%)": Percent(25.0)}


@pytest.mark.parametrize(
    ("family", "model", "second"),
    [
        (0x17, 0x01, "perf::STALLED-CYCLES-FRONTEND"),  # Zen
        (0x17, 0x31, "de_op_queue_empty"),  # Zen 2
        (0x17, 0x50, "perf::STALLED-CYCLES-FRONTEND"),  # Zen, a later one
        (0x19, 0x01, "de_op_queue_empty"),  # Zen 3
        (0x19, 0x50, "de_op_queue_empty"),  # Zen 3, a later one
        (0x19, 0xA0, "ex_ret_ops"),  # Zen 4
    ],
)
def test_amd_generations(family: int, model: int, second: str) -> None:
    zen = machines.machine("amd-zen4")
    machine = Machine(
        processors={0: Processor(vendor="AuthenticAMD", family=family, model=model)},
        pmus=zen.pmus,
    )
    assert load_set("stalls", machine, NOWHERE).groups[0][1].name == second


def test_energy() -> None:
    loaded = on("intel-sapphire-rapids", "energy")
    assert columns(loaded) == [["power/energy-pkg/"], ["power/energy-ram/"]]
    assert all(event.cpu_wide for group in loaded.groups for event in group)
    assert values(loaded, 30_000_000, 5_000_000, seconds=0.25) == {  # microjoules
        "Package (mJ)": Count(30_000),
        "Package (W)": Ratio(120.0),
        "Memory (mJ)": Count(5000),
        "Memory (W)": Ratio(20.0),
    }
    assert columns(on("amd-zen5", "energy")) == [["power/energy-pkg/"]]
    with pytest.raises(VmprofError, match="the counter set 'energy' has nothing for this machine"):
        on("arm-graviton2", "energy")
