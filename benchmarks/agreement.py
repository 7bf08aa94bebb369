"""The unprofiled mean of vmprof's reports against TVM's own evaluator, model by model.

Run: python benchmarks/agreement.py [--json FILE] [MODEL ...]    (default: all that vmprof has)

In each round vm.time_evaluator runs first, then both engines are measured as by
``vmprof run`` and ``vmprof run --engine tvm``, in turn, in this process. Times are means
over the middle half of the rounds; ratios are of those, and in brackets the quartiles of
the rounds' own. docs/validation.md shows what the JSON says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import quantiles

import tvm

from vmprof import load_program
from vmprof.counters import Machine, open_counters
from vmprof.defaults import ENGINES
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.record.recorder import Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.record.rounds.hooked import HookedVm
from vmprof.record.rounds.measurement import measure
from vmprof.record.rounds.options import Rounds
from vmprof.report.estimator import middle_mean
from vmprof.vm.executable import Executable
from vmprof.zoo.models import ENTRY, MODELS

GOAL_PERCENT = 3
AT_LEAST = 8  # rounds, however long they take
BATCH_MS = 5


def compare(name: str) -> dict[str, object]:
    """What TVM's evaluator says of the model, and each engine: microseconds and ratios."""
    device = tvm.cpu()
    program = load_program(name)
    arguments = make_inputs(parameters_of(program.bytecode, program.entry(ENTRY)))
    executable = Executable(program, device)
    vm = executable.machine()
    evaluated: list[float] = []

    def at_each_round(_progress: str) -> None:
        found = vm.time_evaluator(ENTRY, device, number=1, min_repeat_ms=BATCH_MS)(*arguments)
        evaluated.append(1e6 * found.mean)

    with open_counters([], Machine.read()) as counters:
        recorder = Recorder(counters.sample_words)
        engines = [
            kind(executable, ENTRY, arguments, recorder) for kind in (DispatchLoop, HookedVm)
        ]
        rounds = Rounds(at_least=AT_LEAST)
        _, measurements = measure(engines, rounds, counters, [], at_each_round)
    del evaluated[: rounds.warmup]
    return {
        "model": name,
        "rounds": len(evaluated),
        "time_evaluator_us": middle_mean(evaluated),
        "engines": {
            engine: {
                "unprofiled_us": middle_mean(measured.unprofiled_us),
                "ratio": middle_mean(measured.unprofiled_us) / middle_mean(evaluated),
                "quartiles": quantiles(
                    [u / e for u, e in zip(measured.unprofiled_us, evaluated, strict=True)]
                )[::2],
            }
            for engine, measured in zip(ENGINES, measurements, strict=True)
        },
    }


def line(found: dict) -> str:
    cells = [f"{found['rounds']:>6}", f"{found['time_evaluator_us']:>14,.2f}"]
    for of in found["engines"].values():
        low, high = of["quartiles"]
        ratio = f"{of['ratio']:.3f} ({low:.3f} to {high:.3f})"
        cells += [f"{of['unprofiled_us']:>14,.2f}", f"{ratio:<22}"]
    return "  ".join([f"{found['model']:<13}", *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=[*MODELS])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(f"unprofiled, in us, and over time_evaluator's (goal: within {GOAL_PERCENT} %)")
    engines = "".join(f"  {engine:>14}{'':24}" for engine in ENGINES)
    print(f"{'':13}  rounds  time_evaluator{engines}")
    found = []
    for name in options.models:
        found.append(compare(name))
        print(line(found[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
