"""Processor-specific names, through libpfm4 where it is installed."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator

import cffi
import pytest
from support.events import events
from support.machines import machine

from vmprof import VmprofError
from vmprof.counters import Encoding, Event, Machine, parse_events
from vmprof.counters.encoding import RAW
from vmprof.counters.names import libpfm
from vmprof.counters.names.catalogue import known_events

XEON = machine("intel-sapphire-rapids")
ALDER = machine("intel-alder-lake")

needs_libpfm = pytest.mark.skipif(
    not libpfm.is_installed(), reason="libpfm4 is not installed: sudo apt install libpfm4"
)


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes libpfm4 believe that it runs on a processor, by its name for that."""
    if platform.machine() != "x86_64":
        pytest.skip("libpfm4 has the tables of its own architecture alone")
    ffi = cffi.FFI()
    ffi.cdef("void pfm_terminate(void);")

    def start_over() -> None:
        ffi.dlopen("libpfm.so.4").pfm_terminate()
        libpfm._library.cache_clear()

    def believe(name: str) -> None:
        monkeypatch.setenv("LIBPFM_FORCE_PMU", name)
        start_over()

    yield believe
    monkeypatch.undo()
    start_over()


@needs_libpfm
@pytest.mark.parametrize(
    ("pmu", "name", "config"),
    [
        ("skx", "UOPS_RETIRED:ALL", 0x1C2),
        ("skx", "uops_retired:all", 0x1C2),
        ("skx", "UOPS_ISSUED:ANY:c=1:i=1", 0x180010E),
        ("skx", "skx::INST_RETIRED:ANY_P", 0xC0),
        ("amd64_fam19h_zen4", "RETIRED_INSTRUCTIONS", 0xC0),
    ],
)
def test_encodings(processor: Callable[[str], None], pmu: str, name: str, config: int) -> None:
    processor(pmu)
    assert events(name, XEON) == [Event(name, (Encoding("cpu", RAW, config),))]


@needs_libpfm
def test_modifiers(processor: Callable[[str], None]) -> None:
    processor("skx")
    # A unit mask, though each of its letters is a modifier of perf's.
    assert events("skx::RESOURCE_STALLS:RS", XEON)[0].encodings == (Encoding("cpu", RAW, 0x4A2),)
    expected = Encoding("cpu", RAW, 0x1C2, exclude_kernel=True, exclude_hv=True)
    assert events("UOPS_RETIRED:ALL:u", XEON) == [Event("UOPS_RETIRED:ALL:u", (expected,))]


@needs_libpfm
def test_which_kind_of_core(processor: Callable[[str], None]) -> None:
    """One kind of core alone would be counted, and taken for the sum."""
    processor("skx")
    with pytest.raises(VmprofError, match="counted on cpu_core alone; say which kind of core"):
        parse_events("UOPS_RETIRED:ALL", ALDER)
    named = "skx::UOPS_RETIRED:ALL"
    assert events(named, ALDER) == [Event(named, (Encoding("cpu_core", 4, 0x1C2),))]


@needs_libpfm
def test_an_event_outside_the_cores() -> None:
    with pytest.raises(VmprofError, match="PMU of type 1, which is none of this machine's core"):
        parse_events("perf::PERF_COUNT_SW_PAGE_FAULTS", XEON)


@needs_libpfm
def test_every_listed_name_is_understood(processor: Callable[[str], None]) -> None:
    processor("skx")
    listed = [event for event in known_events(XEON) if event.kind == "processor"]
    assert len(listed) > 100
    for event in listed:
        assert events(event.name, XEON)[0].encodings[0].pmu == event.pmu == "cpu"
        assert event.description


@needs_libpfm
def test_listed_names_say_their_kind_of_core(processor: Callable[[str], None]) -> None:
    processor("skx")
    listed = [event for event in known_events(ALDER) if event.kind == "processor"]
    assert len(listed) > 100
    assert all("::" in event.name for event in listed)
    assert "skx::UOPS_RETIRED:ALL" in {event.name for event in listed}
    assert {event.pmu for event in listed} == {"cpu_core"}
    assert not any(e.kind == "processor" for e in known_events(machine("arm-big-little")))


@needs_libpfm
def test_an_unknown_name() -> None:
    with pytest.raises(VmprofError, match="'NO_SUCH_THING:ALL'; libpfm4 does not know it either"):
        parse_events("NO_SUCH_THING:ALL", XEON)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libpfm, "_LIBRARY", "libpfm-that-is-not-there.so.4")
    libpfm._library.cache_clear()
    try:
        assert not libpfm.is_installed()
        assert list(libpfm.known(XEON)) == []
        with pytest.raises(VmprofError, match=r"need libpfm4.*: sudo apt install libpfm4"):
            parse_events("UOPS_RETIRED:ALL", XEON)
        # A mistyped name has nothing to do with it.
        with pytest.raises(VmprofError, match=r"did you mean: .*cycles") as caught:
            parse_events("cycle", Machine())
        assert "libpfm4" not in str(caught.value)
    finally:
        libpfm._library.cache_clear()
