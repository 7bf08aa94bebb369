"""Load: millions of calls, many threads and thousands of profiles in one process.

    python benchmarks/soak.py [--calls N] [--profiles N] [--threads N] [--longest N]
                              [--keep]

`make soak` runs it whole, about ten minutes, and keeps what it finds for docs/explanation/trust.md:

- calls: one session records so many calls, and loses none;
- threads: so many threads make invocations of models of their own in one session, and profile
  them at once: each report and each recording has exactly the calls of its thread's model;
- profiles: so many profiles in one process, each of them right;
- lengths: what recording a call takes in a run of a thousand calls, and in the longest one; and
  how many bytes it takes.

Memory (resident) and open descriptors are compared once a tenth is done, and at the end. What
does not hold is an error.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import tvm
from programs import straight_line
from turns import thread_ns
from tvm import relax

import vmprof
from vmprof.native import empty, lib
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.sessions.session import Session
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.vm import Site
from vmprof.vm.executable import Executable

sys.path.append(str(Path(__file__).parents[1] / "docs/scripts"))

import trust

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGESIZE")
# Memory that a process may have more of at the end: an allocator's, and of caches.
SLACK = 8 * MIB
SHORTEST, CALLS_OF_A_MODEL, INVOCATIONS = 1000, 1000, 30
KEPT, BUFFER = 20_000, 1 << 14  # of a session: calls, and records
COMMAND = "make soak"


def resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def entry(what: str, number: float, outcome: str, unit: str = "") -> trust.Entry:
    return trust.Entry(
        part="Load", what=what, number=number, unit=unit, outcome=outcome, command=COMMAND
    )


def flat(step: Callable[[int], object], times: int) -> str:
    """``step`` of 0 to ``times`` - 1: what memory and descriptors grew by after a tenth."""
    warm = max(1, times // 10)
    for number in range(warm):
        step(number)
    memory, opened = resident(), descriptors()
    for number in range(warm, times):
        step(number)
    grown, more = resident() - memory, descriptors() - opened
    assert more == 0, f"{more} more descriptors are open"
    assert grown <= SLACK, f"memory grew by {grown / MIB:.1f} MiB"
    return f"memory grew by {grown / MIB:.1f} MiB after the first tenth, descriptors by none"


# ---- one session -------------------------------------------------------------------------


def soak_calls(calls: int) -> trust.Entry:
    """A session with a buffer far smaller than what it records, of which it keeps some."""
    program, arguments = straight_line(CALLS_OF_A_MODEL)
    executable = Executable(program, tvm.cpu())
    of_each = CALLS_OF_A_MODEL - 1
    with Session(keep=KEPT, max_records=BUFFER) as session:
        vm = session.attach(executable.vm())
        # Of three invocations one is timed, one counted, and one not recorded.
        of_a_turn = -(-calls // (2 * of_each))
        sentence = flat(lambda _: vm["main"](*arguments), 3 * of_a_turn)
    recording = session.recording()
    found = {int(each["turn"]): int(each["invocations"]) for each in recording.totals}
    assert found == dict.fromkeys((UNRECORDED, TIMED, TIMED + 1), of_a_turn), found
    assert not recording.totals["dropped"].any()
    assert not recording.totals["failed"].any()
    kept = recording.calls
    rows = (kept["callee"] >= 0).sum() / (kept["callee"] < 0).sum()
    assert rows == of_each, f"{rows} calls in an invocation that has {of_each}"
    return entry(
        "calls recorded by one session", 2 * of_a_turn * of_each, f"none is lost; {sentence}"
    )


# ---- threads --------------------------------------------------------------------------------


def soak_threads(threads: int) -> list[trust.Entry]:
    """Each thread has a model of another length, and knows what must be recorded of it."""
    models = [straight_line(10 + number) for number in range(threads)]
    ready = threading.Barrier(threads)

    def call(number: int) -> str:
        program, arguments = models[number]
        vm = session.attach(relax.VirtualMachine(program.module, tvm.cpu()))
        ready.wait()
        for _ in range(INVOCATIONS):
            vm["main"](*arguments)
        return str(number)

    with Session(keep=None) as session, ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(call, range(threads)))
    recording = session.recording()
    timed = recording.invocations[recording.invocations["turn"] == TIMED]
    calls = recording.calls
    found = []
    for of in timed:
        inside = (calls["invocation"] == of["id"]) & (calls["callee"] >= 0)
        found.append((int(of["thread"]), int(inside.sum())))
    by_thread = {thread: {calls for of, calls in found if of == thread} for thread, _ in found}
    assert sorted(map(tuple, by_thread.values())) == [(9 + each,) for each in range(threads)]
    assert len(timed) == len(done) * INVOCATIONS // 3

    def profile(number: int) -> None:
        program, arguments = models[number]
        ready.wait()
        report = quick_profile(program, arguments)
        assert calls_of(report) == 9 + number, (number, calls_of(report))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(profile, range(threads)))
    exact = "each has exactly the calls of its own model"
    return [
        entry("threads that call models of their own in one session", threads, exact),
        entry("threads that profile models of their own at once", threads, exact),
    ]


# ---- profiles ---------------------------------------------------------------------------------


def quick_profile(program: vmprof.Program, arguments: list[object]) -> vmprof.Report:
    return vmprof.profile(
        program, arguments, repeats=1, warmup=0, single_pass=True, measure_peaks=False
    )


def calls_of(report: vmprof.Report) -> int:
    """How many calls a run had."""
    return len(report.calls)


def soak_profiles(profiles: int) -> trust.Entry:
    models = [straight_line(length) for length in (5, 50, 500)]
    gc.freeze()  # TVM's hundreds of thousands of objects are not looked at each time

    def step(number: int) -> None:
        program, arguments = models[number % len(models)]
        length = int(program.name.split()[0])
        report = quick_profile(program, arguments)
        assert calls_of(report) == length - 1, (length, calls_of(report))

    sentence = flat(step, profiles)
    return entry("profiles in one process", profiles, f"each has all of its calls; {sentence}")


# ---- lengths -------------------------------------------------------------------------------------


def per_call(calls: int) -> tuple[float, float]:
    """Nanoseconds and bytes that a recorded call takes in a run of so many."""
    recorder = Recorder(0, calls)
    kernel = recorder.wrap(Site(0, "", 0, "empty"), empty)
    took: list[float] = []
    before = resident()
    for _ in range(3):
        recorder.run(lambda: took.append(thread_ns(kernel, calls)()), Reading.TIME, None)
    size = (resident() - before) / calls
    assert lib.vmprof_recorder_count(recorder._pointer) == calls + 1  # noqa: SLF001 # not copied
    return median(took[1:]), size


def soak_lengths(longest: int) -> list[trust.Entry]:
    """Shortest and longest in turn, often enough that a busy moment does not decide."""
    pairs = [(per_call(SHORTEST)[0], per_call(longest)) for _ in range(3)]
    ratio = median(long / short for short, (long, _) in pairs)
    size = median(size for _, (_, size) in pairs)
    short = f"of a call in a run of {SHORTEST:,}, recorded"
    return [
        entry(f"what a call takes in a run of {longest:,} calls", ratio, short, "times that"),
        entry("memory of a timed call in the record buffer", size, "with its storages' room", "B"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--profiles", type=int, default=10_000)
    parser.add_argument("--longest", type=int, default=10_000_000)
    parser.add_argument(
        "--keep", action="store_true", help="what is found, for docs/explanation/trust.md"
    )
    options = parser.parse_args()
    found: list[trust.Entry] = []
    for soak in (
        lambda: soak_lengths(options.longest),
        lambda: [soak_calls(options.calls)],
        lambda: soak_threads(options.threads),
        lambda: [soak_profiles(options.profiles)],
    ):
        began = time.monotonic()
        entries = soak()
        for each in entries:
            print(*each.cells()[:3], sep="; ")
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
        found += entries
    if options.keep:
        trust.keep(*found)


if __name__ == "__main__":
    main()
