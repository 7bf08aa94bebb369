"""Event names: what each means on machines of many kinds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import events
from support.machines import NAMES, machine

from vmprof import VmprofError
from vmprof.counters import Encoding, Event, Machine, generic, parse_events
from vmprof.counters.encoding import HARDWARE, HW_CACHE, RAW, SOFTWARE, TRACEPOINT
from vmprof.counters.events import REFERENCE

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
    assert [event.name for event in events(",".join(REFERENCE), machine(name))] == [
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


# ---- modifiers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "column", "excluded"),
    [
        ("u", "u", {"kernel", "hv"}),
        ("k", "k", {"user", "hv"}),
        ("h", "h", {"user", "kernel"}),
        ("ku", "uk", {"hv"}),
        ("uu", "u", {"kernel", "hv"}),
        ("ukh", "ukh", set()),
        ("G", "G", {"host"}),
        ("H", "H", {"guest"}),
        ("GH", "GH", set()),
        ("uH", "uH", {"kernel", "hv", "guest"}),
    ],
)
def test_modifiers(letters: str, column: str, excluded: set[str]) -> None:
    fields = {f"exclude_{each}": True for each in excluded}
    expected = Encoding("cpu", HARDWARE, 0, **fields)
    assert only(f"cycles:{letters}") == Event(f"perf::CYCLES:{column}", (expected,))
    assert only(f"perf::CYCLES:{letters}") == only(f"cycles:{letters}")


def test_modifiers_after_a_slash() -> None:
    expected = Encoding("cpu", RAW, 0x3C, exclude_kernel=True, exclude_hv=True)
    assert only("cpu/event=0x3c/u") == Event("cpu/event=0x3c/u", (expected,))
    assert only("cpu/event=0x3c/:u") == only("cpu/event=0x3c/u")
    assert only("cpu/event=0x3c,name=mine/u") == Event("mine:u", (expected,))


def test_modifiers_of_a_hybrids_event() -> None:
    assert all(e.exclude_kernel and not e.exclude_user for e in only("cycles:u", ALDER).encodings)


def test_modifiers_of_a_group_are_added_to_its_events() -> None:
    (group,) = parse_events("{cycles,instructions:k,cpu/event=1/}:u", XEON)
    assert [event.name for event in group] == [
        "perf::CYCLES:u",
        "perf::INSTRUCTIONS:uk",
        "cpu/event=1/u",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cycles:p", "modifier 'p' is refused: it asks for precise samples"),
        ("cycles:ppp", "modifier 'p' is refused"),
        ("cycles:uP", "modifier 'P' is refused"),
        ("cycles:S", "modifier 'S' is refused: it is for the samples"),
        ("cycles:D", "modifier 'D' is refused: vmprof itself decides"),
        ("{cycles,instructions}:W", "modifier 'W' is refused: vmprof itself decides"),
        ("cycles:e", "modifier 'e' is refused: vmprof itself decides"),
        ("cycles:I", "modifier 'I' is refused: a thread"),
        ("cycles:b", "modifier 'b' is refused: vmprof does not count through BPF"),
        ("cpu/event=1/p", "modifier 'p' is refused"),
        ("cycles:q", r"'cycles:q' has no modifier 'q'; there are: u \(user space\)"),
        ("cpu/event=1/q", "has no modifier 'q'"),
        ("{cycles}:q", "has no modifier 'q'"),
        ("context-switches:u", "happens inside the kernel: with 'u' it would be 0 for ever"),
        ("sched:sched_switch:u", "happens inside the kernel"),
        ("task-clock:u", "cannot be limited by 'u': the kernel counts it whole"),
        ("power/energy-pkg/k", "cannot be limited by 'k': the kernel counts it whole"),
    ],
)
def test_modifiers_that_mean_nothing(text: str, reason: str) -> None:
    assert re.search(reason, error(text))


def test_inside_the_kernel_may_be_said() -> None:
    assert only("context-switches:k").encodings[0].exclude_user
    assert only("context-switches:G").encodings[0].exclude_host


# ---- lists and groups ----------------------------------------------------------


def columns(text: str, machine: Machine = XEON) -> list[list[str]]:
    return [[event.name for event in group] for group in parse_events(text, machine)]


def test_groups() -> None:
    assert columns("{cycles,instructions},page-faults, {branches , branch-misses}:u") == [
        ["perf::CYCLES", "perf::INSTRUCTIONS"],
        ["perf::PAGE-FAULTS"],
        ["perf::BRANCHES:u", "perf::BRANCH-MISSES:u"],
    ]
    assert columns("{cpu/event=1,umask=2/,cpu/event=2,umask=2/}") == [
        ["cpu/event=1,umask=2/", "cpu/event=2,umask=2/"]
    ]


def test_an_event_of_a_group_is_not_counted_alone_too() -> None:
    assert columns("cycles,{cycles,instructions},branches,cycles") == [
        ["perf::CYCLES", "perf::INSTRUCTIONS"],
        ["perf::BRANCHES"],
    ]


def test_groups_may_share_events() -> None:
    assert columns("{cycles,instructions},{cycles,branches},{cpu-cycles,instructions}") == [
        ["perf::CYCLES", "perf::INSTRUCTIONS"],
        ["perf::CYCLES", "perf::BRANCHES"],
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{cycles", "no sense can be made of '{cycles'"),
        ("cycles}", "no sense can be made of 'cycles}'"),
        ("branches,{cycles,{instructions}}", "no sense can be made of '{cycles,{instructions}}'"),
        ("{cycles}instructions", "no sense can be made of '{cycles}instructions'"),
        ("cpu/event=1", "no sense can be made of 'cpu/event=1'"),
        ("{}", "a group is empty"),
        ("{ , }", "a group is empty"),
        ("cpu/event=1,name=a/,cpu/event=2,name=a/", "two events are called 'a'"),
        ("none,cycles", "no event 'none'"),
    ],
)
def test_lists_that_make_no_sense(text: str, reason: str) -> None:
    assert reason in error(text)


def test_one_name_for_the_same_event_twice() -> None:
    assert columns("cpu/event=1,name=a/,cpu/event=0x1,name=a/") == [["a"]]


# ---- any text at all -----------------------------------------------------------

NAMES_AND_TERMS = [
    *("cycles", "perf::", "cs", "L1-dcache", "-loads", "slots", "topdown-retiring", "r1c2"),
    *("cpu", "cpu_core", "cpu_atom", "power", "energy-pkg", "cpu/event=1/", "sched:sched_switch"),
    *("event", "name", "0x3c", "none"),
]
TOKENS = NAMES_AND_TERMS + list("/,:{}=ukp7")


@given(
    text=st.one_of(st.text(), st.lists(st.sampled_from(TOKENS), max_size=12).map("".join)),
    name=st.sampled_from(NAMES),
)
def test_any_text_gives_events_or_an_error(text: str, name: str) -> None:
    try:
        groups = parse_events(text, machine(name))
    except VmprofError:
        return
    for group in groups:
        assert group
        assert len(set(group)) == len(group)
        for event in group:
            assert event.name
            assert event.encodings


@pytest.mark.parametrize("text", ["{" + "a," * 9999, "/a" * 9999, "{" + "/," * 9999, "a:" * 9999])
def test_long_nonsense_is_refused_at_once(text: str) -> None:
    assert error(text)


SHARED = st.sampled_from([event.name for event in generic.GENERIC if event.has_levels])


@given(
    name=SHARED, letters=st.sampled_from(["", "k", "uk", "kh", "GH"]), where=st.sampled_from(NAMES)
)
def test_a_column_names_its_event(name: str, letters: str, where: str) -> None:
    event = only(f"{name}:{letters}" if letters else name, machine(where))
    assert only(event.name, machine(where)) == event


@given(names=st.lists(SHARED, min_size=1, max_size=6, unique=True))
def test_a_group_is_printed_and_read_back(names: list[str]) -> None:
    (group,) = parse_events("{" + ",".join(names) + "}", XEON)
    assert len(group) == len(names)
    assert parse_events("{" + ",".join(event.name for event in group) + "}", XEON) == (group,)


@given(st.data())
def test_every_field_lands_in_its_bits(data: st.DataObject) -> None:
    """Values read back from config, by the format's own ranges, are those that were asked for."""
    pmu = machine(data.draw(st.sampled_from([n for n in NAMES if machine(n).has_pmu]))).core_pmus[0]
    values = {
        term: data.draw(st.integers(0, (1 << field.bits) - 1), label=term)
        for term, field in pmu.formats.items()
    }
    text = f"{pmu.name}/" + ",".join(f"{term}={value:#x}" for term, value in values.items()) + "/"
    event = only(text, Machine(pmus={pmu.name: pmu}))
    assert event.name == text
    # "pc" and the like apart, fields of one word do not overlap; where they do, the last one wins.
    for term, field in pmu.formats.items():
        word = getattr(event.encodings[0], field.word)
        value, shift = 0, 0
        for low, high in field.ranges:
            bits = high - low + 1
            value |= (word >> low & (1 << bits) - 1) << shift
            shift += bits
        if not _overlapped(term, pmu.formats):
            assert value == values[term]


def _overlapped(term: str, formats: dict) -> bool:  # type: ignore[type-arg]
    """Intel's offcore_rsp, ldlat and frontend share config1: one event uses one of them."""
    mine = {
        (formats[term].word, bit)
        for low, high in formats[term].ranges
        for bit in range(low, high + 1)
    }
    return any(
        mine & {(field.word, bit) for low, high in field.ranges for bit in range(low, high + 1)}
        for other, field in formats.items()
        if other != term
    )
