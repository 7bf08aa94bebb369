"""What reading a group of three software events costs, against a bare read() and PAPI.

Run: python benchmarks/reads.py

Needs a C compiler; the comparison with PAPI needs its header and library
(Debian: libpapi-dev). All sides run in this process, in turn; figures are
medians over rounds. Where there is a PMU, reading four hardware counters in
user space is shown too.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from cffi import FFI

from vmprof.counters import Machine, parse_events
from vmprof.counters.reading.group import CounterGroup, Opener, Refused
from vmprof.native import ffi as native_ffi
from vmprof.native import lib

EVENTS = "task-clock,page-faults,context-switches"
PAPI_NAMES = ["perf::TASK-CLOCK", "perf::PAGE-FAULTS", "perf::CONTEXT-SWITCHES"]
HARDWARE = "cycles,instructions,branches,branch-misses"

# Short enough that most rounds pass without losing the processor.
CALLS = 100
ROUNDS = 1001

ffi = FFI()
ffi.cdef("""
    double time_sample(void (*sample)(void *, void *), void *source, void *target, int calls);
    double time_read(int fd, uint64_t size, int calls);
    int papi_begin(const char *const *names, int count);
    const char *papi_error(int code);
    double time_papi(int calls);
""")


def build(folder: Path) -> tuple[Any, bool]:
    """The loops, and whether PAPI is among them."""
    source, library = Path(__file__).with_name("reads.c"), folder / "reads.so"
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)]
    with_papi = subprocess.run([*command, "-lpapi"], capture_output=True, check=False)
    if with_papi.returncode != 0:
        subprocess.run(command, check=True)
    return ffi.dlopen(str(library)), with_papi.returncode == 0


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
        int(native_ffi.cast("intptr_t", native_ffi.addressof(lib, "vmprof_source_sample"))),
    )
    pointer = ffi.cast("void *", int(native_ffi.cast("intptr_t", source.pointer)))
    return lambda: float(loops.time_sample(sample, pointer, target, CALLS))


def compare(sides: dict[str, Callable[[], float]], base: str) -> None:
    """Run all sides in turn and print their medians, and the ratios to ``base``."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            times[name].append(run())
    for name, values in times.items():
        ratio = median(v / b for v, b in zip(values, times[base], strict=True))
        print(f"  {name:<28} {median(values):8.0f} ns   {ratio:5.2f} times {base}")


def papi(loops: Any) -> Callable[[], float] | None:
    names = [ffi.new("char[]", name.encode()) for name in PAPI_NAMES]
    code = loops.papi_begin(ffi.new("char *[]", names), len(names))
    if code != 0:
        print(f"  PAPI does not count them here: {ffi.string(loops.papi_error(code)).decode()}")
        return None
    return lambda: float(loops.time_papi(CALLS))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        loops, has_papi = build(Path(folder))
        group, leader = open_group(EVENTS)
        with group:
            size = 8 * (3 + 3)
            print(f"{EVENTS} (goal: at most 1.15 times read(), at most PAPI_read)")
            sides = {
                "read()": lambda: float(loops.time_read(leader, size, CALLS)),
                "vmprof": sampler(loops, group),
            }
            other = papi(loops) if has_papi else None
            if other is not None:
                sides["PAPI_read"] = other
            elif not has_papi:
                print("  PAPI is not installed (Debian: libpapi-dev)")
            compare(sides, "read()")
        try:
            group, leader = open_group(HARDWARE)
        except Refused as refused:
            print(f"{HARDWARE}: {refused}")
            return
        with group:
            way = (
                "in user space" if not group.reads_by_system_call() else "by read(): no user access"
            )
            print(f"{HARDWARE}, {way}")
            hardware = {
                "read()": lambda: float(loops.time_read(leader, 8 * (3 + 4), CALLS)),
                "vmprof": sampler(loops, group),
            }
            compare(hardware, "read()")


if __name__ == "__main__":
    main()
