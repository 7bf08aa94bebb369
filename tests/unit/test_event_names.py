"""Event names: what each means on machines of many kinds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.events import DEFAULT, events
from support.machines import NAMES, machine

from vmprof import VmprofError
from vmprof.counters import Encoding, Event, Machine, parse_events
from vmprof.counters.encoding import HARDWARE, HW_CACHE, RAW, SOFTWARE, TRACEPOINT
from vmprof.counters.names import generic, papi

XEON = machine("intel-sapphire-rapids")
ALDER = machine("intel-alder-lake")
ZEN4 = machine("amd-zen4")
ROCKCHIP = machine("arm-big-little")
GRAVITON = machine("arm-graviton2")
NOTHING = machine("vm-without-pmu")


def encodings(text: str, machine: Machine) -> list[tuple[str, int, int]]:
    """PMU, type and config of the one event that ``text`` names."""
    (event,) = events(text, machine)
    return [(e.pmu, e.type, e.config) for e in event.encodings]


def only(text: str, machine: Machine = XEON) -> Event:
    (event,) = events(text, machine)
    return event


def error(text: str, machine: Machine = XEON) -> str:
    with pytest.raises(VmprofError) as caught:
        parse_events(text, machine)
    return str(caught.value)


# ---- names that all processors share -------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "encoding"),
    [
        ("cycles", "perf::CYCLES", (HARDWARE, 0)),
        ("cpu-cycles", "perf::CYCLES", (HARDWARE, 0)),
        ("perf::CPU-CYCLES", "perf::CYCLES", (HARDWARE, 0)),
        ("instructions", "perf::INSTRUCTIONS", (HARDWARE, 1)),
        ("cache-references", "perf::CACHE-REFERENCES", (HARDWARE, 2)),
        ("Cache-Misses", "perf::CACHE-MISSES", (HARDWARE, 3)),
        ("branch-instructions", "perf::BRANCHES", (HARDWARE, 4)),
        ("branch-misses", "perf::BRANCH-MISSES", (HARDWARE, 5)),
        ("bus-cycles", "perf::BUS-CYCLES", (HARDWARE, 6)),
        ("idle-cycles-frontend", "perf::STALLED-CYCLES-FRONTEND", (HARDWARE, 7)),
        ("perf::STALLED-CYCLES-BACKEND", "perf::STALLED-CYCLES-BACKEND", (HARDWARE, 8)),
        ("ref-cycles", "perf::REF-CYCLES", (HARDWARE, 9)),
        ("L1-dcache-loads", "perf::L1-DCACHE-LOADS", (HW_CACHE, 0x00000)),
        ("l1d-read-access", "perf::L1-DCACHE-LOADS", (HW_CACHE, 0x00000)),
        ("L1-dcache-load-misses", "perf::L1-DCACHE-LOAD-MISSES", (HW_CACHE, 0x10000)),
        ("L1-dcache-misses", "perf::L1-DCACHE-LOAD-MISSES", (HW_CACHE, 0x10000)),
        ("L1-dcache-store-misses", "perf::L1-DCACHE-STORE-MISSES", (HW_CACHE, 0x10100)),
        ("L1-icache-load-misses", "perf::L1-ICACHE-LOAD-MISSES", (HW_CACHE, 0x10001)),
        ("LLC-loads", "perf::LLC-LOADS", (HW_CACHE, 0x00002)),
        ("L2-stores", "perf::LLC-STORES", (HW_CACHE, 0x00102)),
        ("LLC-prefetch-misses", "perf::LLC-PREFETCH-MISSES", (HW_CACHE, 0x10202)),
        ("dTLB-load-misses", "perf::DTLB-LOAD-MISSES", (HW_CACHE, 0x10003)),
        ("iTLB-loads", "perf::ITLB-LOADS", (HW_CACHE, 0x00004)),
        ("branch-loads", "perf::BRANCH-LOADS", (HW_CACHE, 0x00005)),
        ("branch-load-misses", "perf::BRANCH-LOAD-MISSES", (HW_CACHE, 0x10005)),
        ("node-prefetches", "perf::NODE-PREFETCHES", (HW_CACHE, 0x00206)),
        ("cpu-clock", "perf::CPU-CLOCK", (SOFTWARE, 0)),
        ("task-clock", "perf::TASK-CLOCK", (SOFTWARE, 1)),
        ("faults", "perf::PAGE-FAULTS", (SOFTWARE, 2)),
        ("cs", "perf::CONTEXT-SWITCHES", (SOFTWARE, 3)),
        ("migrations", "perf::CPU-MIGRATIONS", (SOFTWARE, 4)),
        ("minor-faults", "perf::MINOR-FAULTS", (SOFTWARE, 5)),
        ("major-faults", "perf::MAJOR-FAULTS", (SOFTWARE, 6)),
        ("alignment-faults", "perf::ALIGNMENT-FAULTS", (SOFTWARE, 7)),
        ("emulation-faults", "perf::EMULATION-FAULTS", (SOFTWARE, 8)),
        ("cgroup-switches", "perf::CGROUP-SWITCHES", (SOFTWARE, 11)),
    ],
)
def test_shared_names(text: str, column: str, encoding: tuple[int, int]) -> None:
    pmu = "software" if encoding[0] == SOFTWARE else "cpu"
    event = only(text)
    assert event == Event(column, (Encoding(pmu, *encoding),), in_kernel=event.in_kernel)
    assert event.is_hardware == (pmu == "cpu")
    assert event.in_kernel == (column.endswith("SWITCHES") or column == "perf::CPU-MIGRATIONS")


def test_every_spelling_means_one_event() -> None:
    """An alias that two events shared would hide one of them."""
    for event in generic.GENERIC:
        assert generic.find(event.name) is event
    hidden = [
        (event.name, alias)
        for event in generic.GENERIC
        for alias in event.aliases
        if generic.find(alias) is not event
    ]
    # perf reads these as the hardware event, too.
    assert hidden == [("branch-load-misses", "branch-misses")]


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_events_have_a_meaning_everywhere(name: str) -> None:
    assert [event.name for event in events(DEFAULT, machine(name))] == [
        "perf::CYCLES",
        "perf::INSTRUCTIONS",
        "perf::CACHE-MISSES",
        "perf::STALLED-CYCLES-FRONTEND",
        "perf::STALLED-CYCLES-BACKEND",
    ]


# ---- hybrids -------------------------------------------------------------------


def test_hybrid_intel_counts_on_each_core_pmu() -> None:
    assert encodings("cycles", ALDER) == [
        ("cpu_core", HARDWARE, 0x4_0000_0000),
        ("cpu_atom", HARDWARE, 0xA_0000_0000),
    ]
    assert encodings("LLC-load-misses", ALDER) == [
        ("cpu_core", HW_CACHE, 0x4_0001_0002),
        ("cpu_atom", HW_CACHE, 0xA_0001_0002),
    ]
    assert encodings("page-faults", ALDER) == [("software", SOFTWARE, 2)]


def test_big_little_before_linux_6_6_uses_what_each_pmu_lists() -> None:
    assert ROCKCHIP.kernel < (6, 6)
    assert encodings("cycles", ROCKCHIP) == [
        ("armv8_cortex_a53", 7, 0x11),
        ("armv8_cortex_a72", 8, 0x11),
    ]
    assert encodings("instructions", ROCKCHIP) == [
        ("armv8_cortex_a53", 7, 0x08),
        ("armv8_cortex_a72", 8, 0x08),
    ]
    # The A72 lacks it; the kernel shall say so, and the sum be absent.
    assert encodings("branches", ROCKCHIP) == [
        ("armv8_cortex_a53", 7, 0x0C),
        ("armv8_cortex_a72", HARDWARE, 0x8_0000_0004),
    ]


def test_big_little_since_linux_6_6_takes_the_type_of_the_pmu() -> None:
    assert encodings("branches", replace(ROCKCHIP, kernel=(6, 6))) == [
        ("armv8_cortex_a53", HARDWARE, 0x7_0000_0004),
        ("armv8_cortex_a72", HARDWARE, 0x8_0000_0004),
    ]


def test_one_kind_of_core_alone() -> None:
    assert encodings("cpu_core/cycles/", ALDER) == [("cpu_core", HARDWARE, 0x4_0000_0000)]
    assert encodings("cpu_atom/r1c2/", ALDER) == [("cpu_atom", 10, 0x1C2)]
    assert encodings("cpu_core/slots/", ALDER) == [("cpu_core", 4, 0x400)]


def test_a_raw_number_belongs_to_one_kind_of_core() -> None:
    assert "write cpu_core/r1c2/ or cpu_atom/r1c2/" in error("r1c2", ALDER)


def test_a_sysfs_name_of_all_kinds_of_core() -> None:
    assert encodings("topdown-retiring", ALDER) == [
        ("cpu_core", 4, 0x8000),
        ("cpu_atom", 10, 0x00C2),
    ]
    assert "some of the cores only; write cpu_core/slots/" in error("slots", ALDER)


# ---- raw, PMU terms, sysfs names -----------------------------------------------


def test_raw() -> None:
    assert encodings("r01c2", XEON) == [("cpu", RAW, 0x1C2)]
    assert encodings("r0x1C2", ZEN4) == [("cpu", RAW, 0x1C2)]
    assert encodings("r11", GRAVITON) == [("armv8_pmuv3_0", 8, 0x11)]
    assert encodings("r11", NOTHING) == [("cpu", RAW, 0x11)]
    assert only("r01c2:u").name == "r01c2:u"


def test_pmu_terms() -> None:
    event = only("cpu/event=0x3c,umask=0x1,cmask=2,name=foo/")
    assert event == Event("foo", (Encoding("cpu", RAW, 0x0200013C),))
    assert only("cpu/event=0x3c,inv,edge/").encodings[0].config == 0x84003C
    assert only("cpu/event=60/").encodings[0].config == 0x3C
    assert only("cpu/r3c,cmask=1/").encodings[0].config == 0x0100003C
    # A field in two pieces: the event's upper bits are bits 32 to 35 of config.
    assert only("cpu/event=0x1c0/", ZEN4).encodings[0].config == 0x1_0000_00C0
    load = only("cpu/event=0xcd,umask=1,ldlat=3/").encodings[0]
    assert (load.config, load.config1) == (0x1CD, 3)


def test_a_pmus_named_event() -> None:
    assert only("cpu/mem-loads/").encodings[0] == Encoding("cpu", RAW, 0x1CD, config1=3)
    # What stands beside the name holds against it.
    assert only("cpu/mem-loads,ldlat=30/").encodings[0].config1 == 30
    assert only("cpu/ldlat=30,mem-loads/").encodings[0].config1 == 30
    assert encodings("topdown-retiring", XEON) == [("cpu", RAW, 0x8000)]
    assert encodings("inst_retired", GRAVITON) == [("armv8_pmuv3_0", 8, 0x08)]


def test_cpu_wide_events_say_where_they_are_opened() -> None:
    event = only("power/energy-pkg/")
    assert event == Event(
        "power/energy-pkg/",
        (Encoding("power", 31, 2, cpus=(0, 56)),),
        scale=2.0**-32,
        unit="Joules",
    )
    assert event.cpu_wide
    assert only("uncore_imc_0/event=4,umask=0xf/").encodings == (
        Encoding("uncore_imc_0", 70, 0xF04, cpus=(0, 56)),
    )
    assert not only("cpu/event=4/").cpu_wide


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("PAPI_TOT_CYC", "did you mean: cycles?"),
        ("papi_l3_tcm", "did you mean: cache-misses?"),
        ("PAPI_FP_OPS", "--metrics has the operations of each kernel"),
        ("PAPI_FDV_INS", "`vmprof events` lists what there is"),
    ],
)
def test_papis_names_are_explained(name: str, advice: str) -> None:
    reason = "PAPI's own names are not known here"
    assert error(name) == f"there is no event {name!r}: {reason}; {advice}"


def test_what_papi_calls_otherwise_are_names_that_there_are() -> None:
    assert {generic.find(name) for name in papi.PRESETS.values()} & {None} == set()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cpi/event=1/", "this machine has no PMU 'cpi'; did you mean: cpu?"),
        ("cpu/evnt=1/", "PMU 'cpu' has no term 'evnt=1'; did you mean: event?"),
        ("cpu/topdown-retirin/", "did you mean: topdown-retiring, "),
        ("cpu/qqq/", r"has no term 'qqq'; its terms: cmask, edge, event, "),
        ("cpu/event=0x100/", "event is 0x100; the field has 8 bits, so at most 0xff"),
        ("cpu/edge=2/", "has 1 bits, so at most 0x1"),
        ("cpu/event=3c/", "event is '3c'; a number is needed, such as 0x3c"),
        ("cpu/event=/", "event is ''; a number is needed"),
        ("cpu/event=1,event=2/", "gives 'event' twice"),
        ("cpu/mem-loads,slots/", "has no term 'slots'"),
        ("cpu/mem-loads,r3c/", "says twice what to count"),
        ("cpu/cycles,umask=1/", "says twice what to count"),
        ("cpu//", "does not say what to count; PMU 'cpu' has the terms: cmask, "),
        ("cpu/name=foo/", "does not say what to count"),
        ("cpu/period=1000,event=1/", "term 'period' is refused: it is for samples"),
        ("cpu/config=0x3c/", "term 'config' is refused: write r and the number"),
        ("power/r2/", "PMU 'power' has no term 'r2'"),
        ("power/cycles/", "PMU 'power' has no term 'cycles'"),
    ],
)
def test_terms_that_mean_nothing(text: str, reason: str) -> None:
    message = error(text)
    assert message.startswith(f"event {text!r}")
    assert re.search(reason, message)


def test_a_named_event_may_need_a_value(tmp_path: Path) -> None:
    pmu = tmp_path / "bus/event_source/devices/hv_24x7"
    (pmu / "format").mkdir(parents=True)
    (pmu / "events").mkdir()
    (pmu / "type").write_text("6\n")
    (pmu / "format/domain").write_text("config:0-3\n")
    (pmu / "format/odd").write_text("nothing that a kernel of today says\n")
    (pmu / "events/HPM_INST").write_text("domain=?\n")
    (pmu / "events/HPM_ODD").write_text("odd=1\n")
    (pmu / "events/HPM_INST.scale").write_text("not a number\n")
    read = Machine.read(tmp_path, tmp_path)
    assert "needs a value: add domain=NUMBER" in error("hv_24x7/HPM_INST/", read)
    assert "describes it as 'odd=1', but PMU 'hv_24x7' has no term 'odd'" in error(
        "hv_24x7/HPM_ODD/", read
    )


# ---- tracepoints ---------------------------------------------------------------


def test_tracepoints() -> None:
    assert only("sched:sched_switch") == Event(
        "sched:sched_switch", (Encoding("tracepoint", TRACEPOINT, 316),), in_kernel=True
    )
    assert not only("sched:sched_switch").is_hardware
    assert "no tracepoint 'sched:sched_swich'; sched has: sched:sched_switch, " in error(
        "sched:sched_swich"
    )


def test_why_no_tracepoint_can_be_seen() -> None:
    message = error("sched:sched_switch", ZEN4)
    assert "tracepoints are out of sight: run as root" in message
    assert "mount -t tracefs" in message


def test_an_unreadable_tracepoint(tmp_path: Path) -> None:
    """Since Linux 5.16 only root reads a tracepoint's number; here a folder plays that file."""
    (tmp_path / "kernel/debug/tracing/events/sched/sched_switch/id").mkdir(parents=True)
    message = error("sched:sched_switch", Machine.read(tmp_path, tmp_path))
    assert "sched_switch/id cannot be read; run as root, or give your group access" in message
