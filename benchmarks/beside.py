"""Profiling a model by vmprof, beside every other way that there is with this TVM.

    python benchmarks/beside.py [--quick] [--json FILE] [--models MODEL ...]

In this process, in turn: TVM's VM by itself, vmprof by either engine, timing and counting,
TVM's VM with a function in Python as its instrument (all that TVM offers since its profiler
has gone), and TVM's VM while `perf stat` counts the process, which tells of no operator.
Ratios are of medians of whole runs, of the thread's processor time, which other processes do
not lengthen; short models run back to back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import tvm
from figures import TIMES, Figure, alone
from perf_stat import PerfError, PerfStat
from programs import choice_of_models, zoo_model
from turns import Side, in_turn, thread_ns

from vmprof.counters import Machine, open_counters, parse_events
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.vm.executable import Executable
from vmprof.zoo.models import ENTRY

EVENTS = "task-clock,page-faults,context-switches"
DEFAULT = ("mlp", "resnet18")
ROUNDS, SECONDS = 9, 4.0
BATCH_US = 2000.0  # runs back to back last about so long

TVM, PERF = "TVM's VM", "perf stat"
OF = {
    "vmprof, timing": "a run with a row for every call, over TVM's VM",
    "vmprof, counting": f"the same, of {EVENTS} instead of time",
    "vmprof --engine tvm, timing": "TVM's VM with windows around what it calls, over without",
    "instrument in Python": "TVM's VM with one that only reads the clock, over without",
    PERF: f"TVM's VM while it counts {EVENTS} of the process, over without",
}


def instrumented(run: Callable[[], object], times: list[int]) -> Callable[[], object]:
    """``run``, whose instrument keeps ``times``."""

    def fresh() -> object:
        times.clear()
        return run()

    return fresh


def model(name: str, *, quick: bool) -> Iterator[Figure]:
    program, arguments = zoo_model(name)
    executable = Executable(program, tvm.cpu())
    times: list[int] = []

    def instrument(_callee: Any, _name: str, _before: bool, _result: Any, *_arguments: Any) -> int:  # noqa: FBT001 # as TVM calls it
        times.append(time.perf_counter_ns())
        return 0  # go on

    vm, watched = executable.vm(), executable.vm()
    watched.set_instrument(instrument)
    alone_run = partial(vm[ENTRY], *arguments)
    calls = max(1, round(BATCH_US * 1e3 / min(thread_ns(alone_run)() for _ in range(3))))
    host = Machine.read()
    absent = ""
    with ExitStack() as stack:
        counters = stack.enter_context(open_counters(parse_events(EVENTS, host), host))
        recorder = Recorder(counters.sample_words)
        ours = DispatchLoop(executable, ENTRY, arguments, recorder)
        wrapped = WrappedVm(executable, ENTRY, arguments, recorder)
        (counted,) = counters.passes
        runs: list[Callable[[], object]] = [
            partial(ours.run, Reading.TIME, None),
            partial(ours.run, Reading.COUNTERS, counted),
            partial(wrapped.run, Reading.TIME, None),
            instrumented(partial(watched[ENTRY], *arguments), times),
        ]
        sides: dict[str, Side] = {TVM: thread_ns(alone_run, calls)}
        sides |= {side: thread_ns(run, calls) for side, run in zip(OF, runs, strict=False)}
        try:
            perf = stack.enter_context(closing(PerfStat(EVENTS)))
            perf.on()
            perf.off()
            sides[PERF] = counting(perf, thread_ns(alone_run, calls))
        except PerfError as error:
            absent = str(error)
        found = in_turn(sides, rounds=ROUNDS, seconds=SECONDS / 10 if quick else SECONDS)
    yield Figure.of_samples(
        name, TVM, [each / 1e3 for each in found[TVM]], unit="us", of="a run, unprofiled"
    )
    for side, of in OF.items():
        if side in found:
            yield Figure.of_ratio(name, side, found[side], found[TVM], of=of)
        else:
            yield Figure(case=name, name=side, unit=TIMES, of=of, absent=absent)


def counting(perf: PerfStat, side: Side) -> Side:
    """``side`` while perf counts."""

    def counted() -> float:
        perf.on()
        try:
            return side()
        finally:
            perf.off()

    return counted


def figures(models: Sequence[str] = DEFAULT, *, quick: bool = False) -> Iterator[Figure]:
    for name in models:
        yield from model(name, quick=quick)


if __name__ == "__main__":
    alone(figures, __doc__, choice_of_models(DEFAULT))
