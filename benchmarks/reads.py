"""What one reading costs: of the clock, of a group of counters, by vmprof and by PAPI.

    python benchmarks/reads.py [--quick] [--json FILE]

Needs a C compiler; PAPI is compared where its library is installed (Debian: libpapi7.0).
All sides run in this process, in turn, in loops in C. Where there is a PMU, reading four
hardware counters in user space is shown too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cffi import FFI
from figures import Figure, alone
from loops import compiled, pointer
from papi import EventSet, PapiError
from turns import in_turn

from vmprof.counters import Machine, parse_events
from vmprof.counters.reading.group import CounterGroup, Opener, Refused
from vmprof.native import ffi as native_ffi
from vmprof.native import lib

SOFTWARE = "task-clock,page-faults,context-switches"
HARDWARE = "cycles,instructions,branches,branch-misses"
# What PAPI calls them.
PAPI_NAMES = {
    SOFTWARE: ["perf::TASK-CLOCK", "perf::PAGE-FAULTS", "perf::CONTEXT-SWITCHES"],
    HARDWARE: ["perf::CYCLES", "perf::INSTRUCTIONS", "perf::BRANCHES", "perf::BRANCH-MISSES"],
}

# Short enough that most rounds pass without losing the processor.
CALLS = 100
ROUNDS = 1001
GOAL_READ, GOAL_PAPI = 1.15, 1.0

ffi = FFI()
ffi.cdef("""
    double time_clock(int calls);
    double time_sample(void (*sample)(void *, void *), void *source, void *target, int calls);
    double time_read(int fd, uint64_t size, int calls);
    double time_papi(int (*papi_read)(int, long long *), int events, int calls);
""")


def open_group(events: str) -> tuple[CounterGroup, int]:
    """A group that counts, and the descriptor of its leader."""
    before = descriptors()
    machine = Machine.read()
    found = [event for group in parse_events(events, machine) for event in group]
    group = Opener(machine).open(found)
    leader = min(descriptors() - before)
    group.enable()
    return group, leader


def descriptors() -> set[int]:
    """Those of perf events."""
    links = Path("/proc/self/fd").iterdir()
    return {int(link.name) for link in links if "perf_event" in os.path.realpath(link)}


def sampler(loops: Any, group: CounterGroup) -> Callable[[], float]:
    (source,) = group.sources
    target = ffi.new("uint64_t[64]")
    sample = ffi.cast(
        "void (*)(void *, void *)",
        pointer(ffi, native_ffi.addressof(lib, "vmprof_source_sample")),
    )
    of_source = pointer(ffi, source.pointer)
    return lambda: float(loops.time_sample(sample, of_source, target, CALLS))


def papi(loops: Any, events: str) -> Callable[[], float]:
    """PAPI_read of the same events; :class:`PapiError` where it cannot."""
    counted = EventSet(PAPI_NAMES[events])
    read = ffi.cast("int (*)(int, long long *)", counted.read)
    return lambda: float(loops.time_papi(read, counted.number, CALLS))


def clock(loops: Any, rounds: int) -> Iterator[Figure]:
    found = in_turn({"clock": lambda: float(loops.time_clock(CALLS))}, rounds=rounds)
    yield Figure.of_samples(
        "clock", "clock_gettime", found["clock"], unit="ns", of="one reading, of two in a window"
    )


def group(loops: Any, events: str, rounds: int) -> Iterator[Figure]:
    """All ways to read the group."""
    try:
        counting, leader = open_group(events)
    except Refused as refused:
        yield Figure(case=events, name="vmprof", unit="ns", of="", absent=str(refused))
        return
    with counting:
        size = 8 * (3 + len(events.split(",")))
        sides = {
            "read()": lambda: float(loops.time_read(leader, size, CALLS)),
            "vmprof": sampler(loops, counting),
        }
        absent = ""
        try:
            sides["PAPI_read"] = papi(loops, events)
        except PapiError as error:
            absent = str(error)
        found = in_turn(sides, rounds=rounds)
        by_call = counting.reads_by_system_call()
    ways = {
        "read()": "one system call for the group",
        "vmprof": f"one reading of the group, {'by read()' if by_call else 'in user space'}",
        "PAPI_read": "one reading of the event set",
    }
    for side, samples in found.items():
        yield Figure.of_samples(events, side, samples, unit="ns", of=ways[side])
    yield Figure.of_ratio(
        events,
        "vmprof over read()",
        found["vmprof"],
        found["read()"],
        of="one reading",
        goal=GOAL_READ,
    )
    if "PAPI_read" in found:
        yield Figure.of_ratio(
            events,
            "vmprof over PAPI_read",
            found["vmprof"],
            found["PAPI_read"],
            of="one reading",
            goal=GOAL_PAPI,
        )
    else:
        yield Figure(case=events, name="PAPI_read", unit="ns", of=ways["PAPI_read"], absent=absent)


def figures(*, quick: bool = False) -> Iterator[Figure]:
    loops = compiled("reads", ffi)
    rounds = ROUNDS // 10 if quick else ROUNDS
    yield from clock(loops, rounds)
    for events in (SOFTWARE, HARDWARE):
        yield from group(loops, events, rounds)


if __name__ == "__main__":
    alone(figures, __doc__)
