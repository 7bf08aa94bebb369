"""What counting task-clock in every worker adds to a parallel launch.

    python benchmarks/threads.py [--quick] [--json FILE]

Needs a C compiler. Launches of empty tasks, for pools of 1 to 4 threads and as many as
there are CPUs, while 0, 8 and 32 other threads of the process sleep or spin: as TVM
launches them, counted by vmprof in the tasks, and counted by inherited counters
(`--count inherit`). All sides run in one process, in turn, in slices of a few launches.
Figures are the lowest deciles of single launches, as many a launch waits for a CPU on a
machine that has other things to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import quantiles
from typing import Any

from cffi import FFI
from figures import TIMES, Figure, alone
from loops import compiled, pointer

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

# What vmprof may add to a launch with two threads, and how much more than alone while
# others sleep.
GOAL_THREADS, GOAL_NS, GOAL_OTHERS = 2, 3000.0, 1.10

ffi = FFI()
ffi.cdef("""
    void time_launches(void *launch, int launches, double *nanoseconds);
    void time_samples(void *launch, void *sample, void *source, void *target, int launches,
                      double *nanoseconds);
    void begin_others(int count, int spin);
    void end_others(void);
""")


def plain(loops: Any) -> list[float]:
    times = ffi.new("double[]", LAUNCHES)
    loops.time_launches(pointer(ffi, lib.vmprof_tvm_launch()), LAUNCHES, times)
    return list(times)


def in_tasks(loops: Any, recorder: Recorder, counted: Pass | None) -> list[float]:
    """Recorded, each task a row: counted, or without ``counted`` timed."""
    times = ffi.new("double[]", LAUNCHES)
    launch = pointer(ffi, lib.vmprof_recorded_launch())
    reading = Reading.TIME if counted is None else Reading.COUNTERS
    recorder.run(lambda: loops.time_launches(launch, LAUNCHES, times), reading, counted)
    assert counted is None or counted.team.problem() is None
    return list(times)


def inherited(loops: Any, counted: Pass) -> list[float]:
    times = ffi.new("double[]", LAUNCHES)
    target = ffi.new("uint64_t[64]")
    (source,) = counted.sources
    sample = native_ffi.addressof(lib, "vmprof_source_sample")
    counted.team.enable()
    loops.time_samples(
        pointer(ffi, lib.vmprof_tvm_launch()),
        pointer(ffi, sample),
        pointer(ffi, source.pointer),
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


def measure(loops: Any, threads: int, others: int, what: str, rounds: int) -> dict[str, float]:
    """Nanoseconds of a launch, by side; on a thread whose pool is not made yet.

    Sides that are "alone" run in the same rounds, while there are no ``others``.
    """
    with ExitStack() as stack:
        # Inherited by the threads that are started from here on.
        (inheriting,) = stack.enter_context(opened("inherit")).passes
        tasks = stack.enter_context(opened("tasks"))
        recorder = Recorder(tasks.sample_words, LAUNCHES * (1 + threads))
        stack.enter_context(configured_pool(threads))
        both: dict[str, Callable[[], list[float]]] = {
            "plain": lambda: plain(loops),
            "tasks": lambda: in_tasks(loops, recorder, tasks.passes[0]),
        }
        alone = {f"{name}, alone": side for name, side in both.items()}
        beside = {
            **both,
            "timed": lambda: in_tasks(loops, recorder, None),
            "inherit": lambda: inherited(loops, inheriting),
        }
        times: dict[str, list[float]] = {name: [] for name in (*alone, *beside)}
        for _ in range(rounds):
            for name, side in alone.items():
                times[name] += side()
            with other_threads(loops, others, what):
                for name, side in beside.items():
                    times[name] += side()
    return {name: quantiles(values, n=10)[0] for name, values in times.items()}


def figures(*, quick: bool = False) -> Iterator[Figure]:
    loops = compiled("threads", ffi)
    cpus = os.cpu_count() or 1
    for threads in sorted({1, 2, 3, 4, cpus}):
        for others, what in OTHERS:
            case = f"{threads} thread{'s' if threads > 1 else ''}"
            case += f", {others} others {what}" if others else ""
            spinning = others if what == "spinning" else 0
            if threads > 1 and threads + spinning > cpus:
                reason = f"not on {cpus} CPUs: launches wait"
                yield Figure(case=case, name="tasks add", unit="ns", of="", absent=reason)
                if not others:
                    break
                continue
            with ThreadPoolExecutor(1) as executor:
                rounds = ROUNDS // 10 if quick else ROUNDS
                found = executor.submit(measure, loops, threads, others, what, rounds).result()
            added = {side: found[side] - found["plain"] for side in ("timed", "tasks", "inherit")}
            yield Figure(case=case, name="plain", value=found["plain"], unit="ns", of="a launch")
            yield Figure(
                case=case,
                name="tasks add, timed",
                value=added["timed"],
                unit="ns",
                of="a launch, with a record of it and of each task, timed",
            )
            yield Figure(
                case=case,
                name="tasks add",
                value=added["tasks"],
                unit="ns",
                of="a launch, counted in the tasks",
                goal=GOAL_NS if threads == GOAL_THREADS else None,
            )
            yield Figure(
                case=case,
                name="inherit adds",
                value=added["inherit"],
                unit="ns",
                of="a launch, counted by inherited counters",
            )
            if others:
                added_alone = found["tasks, alone"] - found["plain, alone"]
                yield Figure(
                    case=case,
                    name="tasks add, over alone",
                    value=added["tasks"] / added_alone,
                    unit=TIMES,
                    of="what counting in the tasks adds, over the same without others",
                    goal=GOAL_OTHERS if what == "sleeping" else None,
                )


if __name__ == "__main__":
    alone(figures, __doc__)
