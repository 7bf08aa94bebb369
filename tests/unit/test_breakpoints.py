"""Breakpoints: their grammar, how the kernel is asked, and that there are four."""

from __future__ import annotations

import errno
import re
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import events
from support.kernel import FakeKernel
from support.traps import trap

from vmprof import VmprofError
from vmprof.counters import Encoding, Event, Machine, open_counters, parse_events
from vmprof.counters.encoding import BREAKPOINT
from vmprof.counters.names.breakpoints import Place, located
from vmprof.counters.reading.group import Opener
from vmprof.counters.reading.scope import Scope
from vmprof.runs.faults import LOST

MACHINE = Machine(paranoid=1)
R, W, X = 1, 2, 4


def only(text: str) -> Event:
    (event,) = events(text, MACHINE)
    return event


@pytest.mark.parametrize(
    ("text", "address", "length", "access"),
    [
        ("mem:0x7f00:x", 0x7F00, 8, X),
        ("mem:0x7f00/8:x", 0x7F00, 8, X),
        ("mem:0x7f00", 0x7F00, 4, R | W),
        ("mem:0x7f00/8", 0x7F00, 8, R | W),
        ("mem:0x7f00/8:rw", 0x7F00, 8, R | W),
        ("mem:0x7f00/1:wr", 0x7F00, 1, R | W),
        ("mem:0x7f00/2:w", 0x7F00, 2, W),
        ("mem:32512:r", 0x7F00, 4, R),
    ],
)
def test_addresses(text: str, address: int, length: int, access: int) -> None:
    encoding = Encoding("breakpoint", BREAKPOINT, 0, address, length, bp_type=access)
    assert only(text) == Event(text, (encoding,))
    assert not only(text).is_hardware


@pytest.mark.parametrize(
    ("text", "excluded"),
    [("mem:0x7f00:x:u", True), ("mem:0x7f00:u", True), ("mem:0x7f00/8:rw:u", True)],
)
def test_modifiers(text: str, excluded: bool) -> None:
    (encoding,) = only(text).encodings
    assert encoding.exclude_kernel == excluded
    assert only(text).name == text


def test_symbols_are_looked_up_later() -> None:
    groups = parse_events("{mem:main_compute_:x,page-faults},mem:table/8:w", MACHINE)
    assert [group[0].encodings[0].symbol for group in groups] == ["main_compute_", "table"]
    places = {"main_compute_": Place(0x1000, is_code=True), "table": Place(0x2000, is_code=False)}
    (code, faults), (data,) = located(groups, places.__getitem__)
    assert (code.name, code.encodings[0].config1) == ("mem:main_compute_:x", 0x1000)
    assert faults == only("page-faults")
    assert (data.encodings[0].config1, data.encodings[0].symbol) == (0x2000, "")
    with pytest.raises(
        VmprofError, match=r"main_compute_ is a function; .* write mem:main_compute_:x"
    ):
        located(parse_events("mem:main_compute_", MACHINE), places.__getitem__)


def test_without_a_program_there_are_no_symbols() -> None:
    with pytest.raises(VmprofError, match="nothing is loaded in which 'main' could be looked up"):
        open_counters(parse_events("mem:main:x", MACHINE), MACHINE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mem:", "a breakpoint is mem:ADDRESS or mem:SYMBOL"),
        ("mem::x", "a breakpoint is mem:ADDRESS or mem:SYMBOL"),
        ("mem:0x7f00/:x", "a breakpoint is mem:ADDRESS or mem:SYMBOL"),
        ("mem:0x7f00/3:w", "the length is one of 1, 2, 4, 8 bytes"),
        ("mem:0x7f00:wx", "'wx' is not one of x, rw, r, w"),
        ("mem:0x7f00:ww", "'ww' is not one of x, rw, r, w"),
        ("mem:0x7f00/4:x", "what is executed has no length"),
        ("mem:0x7g00:x", "'0x7g00' is no address"),
        ("mem:0x7f00:x:q", "has no modifier 'q'"),
        ("mem:0x7f00:p", "modifier 'p' is refused"),
        ("{mem:0x7f00/8:rw", "no sense can be made of '{mem:0x7f00/8:rw'"),
        ("mem:0x7f00/8/u", "no sense can be made of 'mem:0x7f00/8/u'"),
    ],
)
def test_what_is_no_breakpoint(text: str, reason: str) -> None:
    with pytest.raises(VmprofError, match=re.escape(reason)):
        parse_events(text, MACHINE)


BREAKPOINTS = st.builds(
    "mem:{:#x}{}{}".format,
    st.integers(1, 2**64 - 1),
    st.sampled_from(["", "/8"]),
    st.sampled_from([":x", ":rw", ":w", ":r", ":x:u"]),
)


@given(
    st.lists(st.one_of(BREAKPOINTS, st.just("page-faults")), min_size=2, max_size=6, unique=True)
)
def test_a_slash_in_a_group_is_no_pmu(names: list[str]) -> None:
    """Two breakpoints with lengths hold between them what could be a PMU's terms."""
    for text in (",".join(names), "{" + ",".join(names) + "}"):
        found = [event.name for group in parse_events(text, MACHINE) for event in group]
        assert found == [only(name).name for name in names]


# ---- the processor has four -----------------------------------------------------------------


FIVE = [f"mem:{0x1000 + 16 * n:#x}:x" for n in range(5)]


def test_how_the_kernel_is_asked(kernel: FakeKernel) -> None:
    with Opener(MACHINE).open(events("mem:0x7f00/8:w", MACHINE)) as group:
        # A breakpoint that is open is taken: it is given back until it is needed.
        assert kernel.open == {}
        group.enable()
        (event,) = kernel.open.values()
        assert (event.type, event.bp_type, event.config1) == (BREAKPOINT, W, 0x7F00)
        group.disable()
        assert kernel.open == {}


def test_passes_take_turns_with_the_breakpoints(kernel: FakeKernel) -> None:
    with open_counters(parse_events(",".join(FIVE), MACHINE), MACHINE) as found:
        assert [one.layout.columns for one in found.passes] == [tuple(FIVE[:4]), (FIVE[4],)]
        assert "four on x86" in found.notes["Why several passes"]
        for one in found.passes * 2:
            one.team.enable()
            assert len(kernel.open) == len(one.layout.columns)
            one.team.disable()
            assert one.team.problem() is None


def test_too_many_at_a_time_are_refused(kernel: FakeKernel) -> None:
    groups = parse_events("{" + ",".join(FIVE) + "},page-faults", MACHINE)
    with open_counters(groups, MACHINE) as found:
        assert [one.layout.columns for one in found.passes] == [("perf::PAGE-FAULTS",)]
        assert set(found.refused) == set(FIVE)
        assert all("are taken" in reason for reason in found.refused.values())


def test_what_is_inherited_stays_open(kernel: FakeKernel) -> None:
    """A thread inherits from what is open when it starts; then all passes hold theirs."""
    groups = parse_events(",".join(FIVE), MACHINE)
    with open_counters(groups, MACHINE, scope=Scope("inherit")) as found:
        assert [one.layout.columns for one in found.passes] == [tuple(FIVE[:4])]
        assert len([e for e in kernel.open.values() if e.type == BREAKPOINT]) == 4
        assert "are taken" in found.refused[FIVE[4]]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EINVAL, "x86 does not tell reads from writes"),
        (errno.EOPNOTSUPP, "this machine has no breakpoints to count with"),
        (errno.EPERM, "not permitted"),
    ],
)
def test_reasons(kernel: FakeKernel, code: int, reason: str) -> None:
    kernel.refuse = lambda event: code
    with open_counters(parse_events("mem:0x7f00:r", MACHINE), MACHINE) as found:
        assert reason in found.refused["mem:0x7f00:r"]


# ---- traps that came without their cause ---------------------------------------------------


@pytest.mark.parametrize(("text", "problem"), [("mem:0x7f00:x", None), ("mem:0x7f00:rw", LOST)])
def test_a_trap_does_no_harm(kernel: FakeKernel, text: str, problem: str | None) -> None:
    """An instruction is tried again; an access has happened, and was not counted."""
    with open_counters(parse_events(text, MACHINE), MACHINE) as found:
        (one,) = found.passes
        one.team.enable()
        trap()
        one.team.disable()
        assert one.team.problem() == problem
        one.team.enable()
        one.team.disable()
        assert one.team.problem() is None


def test_traps_of_others_are_theirs(kernel: FakeKernel) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTRAP, lambda number, frame: received.append(number))
    try:
        with Opener(MACHINE).open(events("mem:0x7f00:x", MACHINE)) as group:
            group.enable()
            trap()
            assert received == []
            signal.raise_signal(signal.SIGTRAP)
            assert received == [signal.SIGTRAP]
            group.disable()
        trap()
        assert received == [signal.SIGTRAP] * 2
    finally:
        signal.signal(signal.SIGTRAP, before)
