"""Event lists: modifiers, groups, and any text at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import events
from support.machines import NAMES, machine

from vmprof import VmprofError
from vmprof.counters import Encoding, Event, Machine, parse_events
from vmprof.counters.encoding import HARDWARE, RAW
from vmprof.counters.names import generic

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
    *("event", "name", "0x3c", "none", "mem:", "mem:0x3c", "/8", ":rw"),
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


@pytest.mark.parametrize(
    "text", ["{" + "a," * 9999, "/a" * 9999, "{" + "/," * 9999, "a:" * 9999, "mem:/" * 9999]
)
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
