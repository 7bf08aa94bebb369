"""How much faster kernels with vmprof's schedule are than as TVM lowers them by itself.

Run: python benchmarks/schedule.py [MODEL ...]    (default: resnet18)

Both libraries run on TVM's VM, in turns, on as many threads as there are
processors; medians. GFLOP/s are those of all kernels: their operations over the
sum of their times, in runs of vmprof's machine.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

# Before TVM is loaded, which asks once; its own choice is half of them.
os.environ.setdefault("TVM_NUM_THREADS", str(os.cpu_count()))

import tvm
from tvm.runtime.vm import VirtualMachine

import vmprof
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.report.aggregate import sum_columns
from vmprof.report.derive import derive_rows
from vmprof.values import Ratio

ROUNDS = 7
GOAL = 50


def compare(name: str) -> None:
    runs = {}
    for schedule in ("cpu", "none"):
        program = vmprof.load_program(name, schedule=schedule)
        inputs = make_inputs(parameters_of(program.bytecode, program.entry("main")))
        runs[schedule] = VirtualMachine(program.module, tvm.cpu())["main"], inputs
    times: dict[str, list[float]] = {schedule: [] for schedule in runs}
    for round_number in range(ROUNDS + 1):
        for schedule, (run, inputs) in runs.items():
            began = time.perf_counter()
            run(*inputs)
            if round_number:  # the first is for warming up
                times[schedule].append(time.perf_counter() - began)
    ours, theirs = median(times["cpu"]), median(times["none"])
    report = vmprof.profile(name, counters="none", metrics=True)
    (row,) = derive_rows([sum_columns(report.calls)], report.derived)
    rate = row["GFLOP/s"]
    assert isinstance(rate, Ratio)
    print(
        f"{name}: {ours * 1e3:.2f} ms with vmprof's schedule, {theirs * 1e3:.1f} ms without: "
        f"{theirs / ours:.0f} times faster (goal: {GOAL}); kernels at {rate.ratio:.1f} GFLOP/s, "
        f"{tvm.runtime.num_threads()} threads"
    )


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ["resnet18"]:
        compare(chosen)
