"""What counting task-clock in every worker adds to a parallel launch.

Run: python benchmarks/threads.py

Needs a C compiler. Launches of empty tasks, for pools of 1, 2 and as many
threads as there are CPUs, while 0, 8 and 32 other threads of the process sleep or
spin: as TVM launches them, counted by vmprof in the tasks, and counted by
inherited counters (``--count inherit``). All sides run in one process, in turn,
in slices of a few launches. Figures are the lowest deciles of single launches, as
many a launch waits for a CPU on a machine that has other things to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from cffi import FFI

from vmprof.counters import Counters, Machine, Pass, open_counters, parse_events
from vmprof.counters.reading.scope import Scope
from vmprof.native import ffi as native_ffi
from vmprof.native import lib
from vmprof.record.pool import configured_pool
from vmprof.record.recorder import Reading, Recorder

EVENTS = "task-clock"
LAUNCHES = 20  # of a slice: well under a tick of the scheduler
ROUNDS = 100
OTHERS = [(0, "sleeping"), (8, "sleeping"), (32, "sleeping"), (8, "spinning"), (32, "spinning")]

# What vmprof may add to a launch with two threads, in nanoseconds, and by how much that
# may change with the number of other threads that sleep.
GOAL, GOAL_OF_OTHERS = 3000, 0.10

ffi = FFI()
ffi.cdef("""
    void time_launches(void *launch, int launches, double *nanoseconds);
    void time_samples(void *launch, void *sample, void *source, void *target, int launches,
                      double *nanoseconds);
    void begin_others(int count, int spin);
    void end_others(void);
""")

Side = Callable[[], list[float]]


def build(folder: Path) -> Any:
    source, library = Path(__file__).with_name("threads.c"), folder / "threads.so"
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-O2", "-shared", "-fPIC", "-pthread", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return ffi.dlopen(str(library))


def pointer(native: Any) -> Any:
    return ffi.cast("void *", int(native_ffi.cast("intptr_t", native)))


def plain(loops: Any) -> list[float]:
    times = ffi.new("double[]", LAUNCHES)
    loops.time_launches(pointer(lib.vmprof_tvm_launch()), LAUNCHES, times)
    return list(times)


def in_tasks(loops: Any, recorder: Recorder, counted: Pass) -> list[float]:
    times = ffi.new("double[]", LAUNCHES)
    launch = pointer(lib.vmprof_recorded_launch())
    recorder.run(lambda: loops.time_launches(launch, LAUNCHES, times), Reading.COUNTERS, counted)
    assert counted.team.problem() is None
    return list(times)


def inherited(loops: Any, counted: Pass) -> list[float]:
    times = ffi.new("double[]", LAUNCHES)
    target = ffi.new("uint64_t[64]")
    (source,) = counted.sources
    sample = native_ffi.addressof(lib, "vmprof_source_sample")
    counted.team.enable()
    loops.time_samples(
        pointer(lib.vmprof_tvm_launch()),
        pointer(sample),
        pointer(source.pointer),
        target,
        LAUNCHES,
        times,
    )
    counted.team.disable()
    return list(times)


@contextmanager
def other_threads(loops: Any, count: int, what: str) -> Iterator[None]:
    loops.begin_others(count, what == "spinning")
    try:
        yield
    finally:
        loops.end_others()


def opened(scope: str) -> Counters:
    machine = Machine.read()
    return open_counters(parse_events(EVENTS, machine), machine, scope=Scope(scope))


def measure(loops: Any, threads: int, others: int, what: str) -> dict[str, float]:
    """Nanoseconds of a launch, by side; on a thread whose pool is not made yet."""
    with ExitStack() as stack:
        # Inherited by the threads that are started from here on.
        (inheriting,) = stack.enter_context(opened("inherit")).passes
        tasks = stack.enter_context(opened("tasks"))
        recorder = Recorder(tasks.sample_words, LAUNCHES * (1 + threads))
        stack.enter_context(configured_pool(threads))
        stack.enter_context(other_threads(loops, others, what))
        sides: dict[str, Side] = {
            "plain": lambda: plain(loops),
            "tasks": lambda: in_tasks(loops, recorder, tasks.passes[0]),
            "inherit": lambda: inherited(loops, inheriting),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                times[name] += side()
    return {name: quantiles(values, n=10)[0] for name, values in times.items()}


def main() -> None:
    print("    nanoseconds of a launch, and what counting adds to it")
    print(f"{'threads':>8}{'others':>14}{'plain':>10}{'tasks':>18}{'inherit':>18}")
    with tempfile.TemporaryDirectory() as folder:
        loops = build(Path(folder))
        cpus = os.cpu_count() or 1
        for threads in sorted({1, 2, cpus}):
            alone = 0.0
            for others, what in OTHERS:
                if what == "spinning" and threads > 1 and threads + others > cpus:
                    print(f"{threads:>8}{others:>5} {what}   not on {cpus} CPUs: launches wait")
                    continue
                with ThreadPoolExecutor(1) as executor:
                    found = executor.submit(measure, loops, threads, others, what).result()
                base = found["plain"]
                tasks, inherit = found["tasks"] - base, found["inherit"] - base
                alone = alone or tasks
                print(
                    f"{threads:>8}{others:>5} {what}{base:>10,.0f}"
                    f"{found['tasks']:>10,.0f} {tasks:>+7,.0f}"
                    f"{found['inherit']:>10,.0f} {inherit:>+7,.0f}"
                    f"   tasks: {tasks / alone:.2f} times what it adds alone"
                )
    print(
        f"goals: tasks add at most {GOAL:,} with two threads, as much with other threads as "
        f"alone within {GOAL_OF_OTHERS:.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
