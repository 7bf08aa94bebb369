"""The unprofiled mean of vmprof's reports against TVM's own evaluator, model by model.

    python benchmarks/agreement.py [--quick] [--json FILE] [MODEL ...]

In each round vm.time_evaluator runs first, then both engines are measured as by
`vmprof run` and `vmprof run --engine tvm`, in turn, in this process. Times are means
over the middle half of the rounds; ratios are of those, and in brackets the quartiles of
the rounds' own. docs/explanation/validation.md shows what the JSON says. disturbance.py has the
same among other things.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import quantiles
from typing import Any

from figures import ratios, save
from models import Measured, measured

from vmprof.defaults import ENGINES
from vmprof.report.estimator import middle_mean
from vmprof.zoo.models import MODELS

GOAL_PERCENT = 3


def described(name: str, found: Measured) -> dict[str, Any]:
    """What TVM's evaluator says of the model, and each engine: microseconds and ratios."""
    evaluated = middle_mean(found.evaluated)
    return {
        "model": name,
        "rounds": len(found.evaluated),
        "time_evaluator_us": evaluated,
        "engines": {
            engine: {
                "unprofiled_us": middle_mean(of.unprofiled),
                "ratio": middle_mean(of.unprofiled) / evaluated,
                "quartiles": quantiles(ratios(of.unprofiled, found.evaluated))[::2],
            }
            for engine, of in found.engines.items()
        },
    }


def line(found: dict[str, Any]) -> str:
    cells = [f"{found['rounds']:>6}", f"{found['time_evaluator_us']:>14,.2f}"]
    for of in found["engines"].values():
        low, high = of["quartiles"]
        ratio = f"{of['ratio']:.3f} ({low:.3f} to {high:.3f})"
        cells += [f"{of['unprofiled_us']:>14,.2f}", f"{ratio:<22}"]
    return "  ".join([f"{found['model']:<13}", *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=[*MODELS])
    parser.add_argument("--quick", action="store_true", help="few rounds: to try whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(f"unprofiled, in us, and over time_evaluator's (goal: within {GOAL_PERCENT} %)")
    engines = "".join(f"  {engine:>14}{'':24}" for engine in ENGINES)
    print(f"{'':13}  rounds  time_evaluator{engines}")
    found = []
    for name in options.models:
        found.append(described(name, measured(name, quick=options.quick)))
        print(line(found[-1]), flush=True)
    if options.json:
        save(options.json, found)


if __name__ == "__main__":
    main()
