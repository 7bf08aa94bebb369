"""How much faster kernels with vmprof's schedule are than as TVM lowers them by itself.

    python benchmarks/schedule.py [--quick] [--json FILE] [--models MODEL ...]

Both libraries run on TVM's VM, in turns, on as many threads as there are
processors; medians. GFLOP/s are those of all kernels: their operations over the
sum of their times, in runs of vmprof's VM.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

# Before TVM is loaded, which asks once; its own choice is half of them.
os.environ.setdefault("TVM_NUM_THREADS", str(os.cpu_count()))

import tvm
from figures import Figure, alone
from programs import choice_of_models, inputs
from turns import in_turn, wall_ns

import vmprof
from vmprof.report.aggregate import sum_columns
from vmprof.report.derive import derive_rows
from vmprof.values import Ratio
from vmprof.vm.tvm_vm import TvmVirtualMachine
from vmprof.zoo.models import ENTRY

DEFAULT = ("resnet18",)
ROUNDS = 5
GOAL = 50.0


def compare(name: str, *, quick: bool) -> Iterator[Figure]:
    sides = {}
    for schedule in ("cpu", "none"):
        program = vmprof.load_program(name, schedule=schedule)
        vm = TvmVirtualMachine(program.module, tvm.cpu())
        sides[schedule] = wall_ns(partial(vm[ENTRY], *inputs(program)))
    in_turn(sides, rounds=1)  # for warming up
    times = {
        schedule: [each / 1e6 for each in samples]
        for schedule, samples in in_turn(sides, rounds=2 if quick else ROUNDS).items()
    }
    report = vmprof.profile(name, counters="none", metrics=True, repeats=2 if quick else None)
    (row,) = derive_rows([sum_columns(report.calls)], report.derived)
    rate = row["GFLOP/s"]
    assert isinstance(rate, Ratio)
    threads = f"{tvm.runtime.num_threads()} threads"
    yield Figure.of_samples(name, "vmprof's schedule", times["cpu"], unit="ms", of=threads)
    yield Figure.of_samples(name, "without", times["none"], unit="ms", of=threads)
    ratio = Figure.of_ratio(name, "faster", times["none"], times["cpu"], of="without over with")
    yield replace(ratio, goal=GOAL, at_least=True)
    yield Figure(case=name, name="kernels", value=rate.ratio, unit="GFLOP/s", of=threads)


def figures(models: Sequence[str] = DEFAULT, *, quick: bool = False) -> Iterator[Figure]:
    for name in models:
        yield from compare(name, quick=quick)


if __name__ == "__main__":
    alone(figures, __doc__, choice_of_models(DEFAULT))
