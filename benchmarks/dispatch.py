"""What vmprof's dispatch loop costs over TVM's own VM.

    python benchmarks/dispatch.py [--quick] [--json FILE]

First the mlp as a whole, recorded by either engine, then straight lines of 10, 1,000 and
100,000 instructions whose calls do next to nothing, not recorded. Both VMs run in
turn, in this process; figures are of the thread's processor time, which other processes do
not lengthen. Decoding and linking are timed too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import tvm
from figures import Figure, alone, differences
from programs import in_a_run, straight_line, zoo_model
from turns import in_turn, thread_ns

from vmprof import Program
from vmprof.counters import Machine, open_counters
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.vm import Interpreter
from vmprof.vm.executable import Executable
from vmprof.vm.tvm_vm import TvmVirtualMachine
from vmprof.zoo.models import ENTRY

LENGTHS = (10, 1_000, 100_000)
SECONDS, AT_LEAST = 3.0, 9  # of a comparison: how long, and how many rounds
BATCH = 10_000  # instructions, run back to back
GOAL_MODEL, GOAL_NS = 1.15, 60.0
TVM = "TVM's VM"


def model(name: str, seconds: float) -> Iterator[Figure]:
    """Recorded runs of a model over those of TVM's VM, which nobody records."""
    program, arguments = zoo_model(name)
    executable = Executable(program, tvm.cpu())
    with open_counters([], Machine.read()) as counters:
        recorder = Recorder(counters.sample_words)
        engines = {
            "--engine vmprof": DispatchLoop(executable, ENTRY, arguments, recorder),
            "--engine tvm": WrappedVm(executable, ENTRY, arguments, recorder),
        }
        entry = program.entry(ENTRY)
        calls = max(1, BATCH // (100 * (entry.end - entry.start)))
        sides = {TVM: thread_ns(partial(executable.vm()[ENTRY], *arguments), calls)}
        for label, engine in engines.items():
            sides[label] = in_a_run(recorder, thread_ns(engine.output, calls))
            whole = partial(engine.run, Reading.TIME, None)
            sides[f"{label}, whole"] = thread_ns(whole, calls)
        found = in_turn(sides, rounds=AT_LEAST, seconds=seconds)
    for label in engines:
        yield Figure.of_ratio(
            f"{name}, {label}",
            "recorded",
            found[label],
            found[TVM],
            of="a run inside a recording, over TVM's VM",
            goal=GOAL_MODEL,
        )
        yield Figure.of_ratio(
            f"{name}, {label}",
            "with starting and stopping",
            found[f"{label}, whole"],
            found[TVM],
            of="a recording of one run, over TVM's VM",
        )


def line(length: int, seconds: float) -> Iterator[Figure]:
    """A straight line of instructions, on both VMs."""
    program, arguments = straight_line(length)
    began = time.perf_counter()
    again = Program.of_module(program.module, program.name)
    decoded = time.perf_counter()
    vm = Interpreter(again)
    linked = time.perf_counter()
    calls = max(1, BATCH // length)
    found = in_turn(
        {
            "TVM": thread_ns(
                partial(TvmVirtualMachine(program.module, tvm.cpu())[ENTRY], *arguments), calls
            ),
            "ours": thread_ns(partial(vm[ENTRY], *arguments), calls),
        },
        rounds=AT_LEAST,
        seconds=seconds,
    )
    per = {side: [sample / length for sample in samples] for side, samples in found.items()}
    case = f"{length:,} instructions"
    yield Figure.of_samples(case, "TVM", per["TVM"], unit="ns", of="TVM's VM, per instruction")
    yield Figure.of_samples(
        case,
        "beyond TVM",
        differences(per["ours"], per["TVM"]),
        unit="ns",
        of="vmprof's loop less TVM's VM, per instruction",
        goal=GOAL_NS,
    )
    if length == max(LENGTHS):
        decoding, linking = 1e3 * (decoded - began), 1e3 * (linked - decoded)
        yield Figure(case=case, name="decoding", value=decoding, unit="ms", of="once, in all")
        yield Figure(case=case, name="linking", value=linking, unit="ms", of="once, in all")


def figures(*, quick: bool = False) -> Iterator[Figure]:
    seconds = SECONDS / 10 if quick else SECONDS
    yield from model("mlp", seconds)
    for length in LENGTHS:
        yield from line(length, seconds)


if __name__ == "__main__":
    alone(figures, __doc__)
