"""The word that says what bounds an operator, against a stopwatch.

    python benchmarks/bounds.py [--json FILE] [MODEL ...]

A kernel is called alone, again and again, so that its data are as near as they fit; in its
model, as `vmprof run --metrics` measures it; and alone after the caches were filled with
something else. What operations bind takes about as long near and in the model, and loses
only what its data need once from memory; what a cache or memory binds takes the longer the
farther its data are. Times are in microseconds, each the fastest of several.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from figures import save

import vmprof
from vmprof.counters.hardware.caches import largest_cache
from vmprof.native import ffi, lib
from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.bounds import bounds
from vmprof.report.kinds import microseconds
from vmprof.report.needs import fastest_us
from vmprof.values import BYTES, Row

MODELS = ("mlp", "resnet18")
# Of time in a model: what is shorter is left out.
LEAST_SHARE = 0.002
_NEAR_SECONDS, _FAR_RUNS = 0.02, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", default=MODELS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = []
    for model in options.models:
        print(f"\n{model}")
        print(f"{'':54}  {'word':8}  {'near':>9}  {'model':>9}  {'far':>9}  {'at peak':>9}")
        for line in measured(model):
            times = "  ".join(
                f"{line[name]:>9,.2f}" for name in ("near_us", "model_us", "far_us", "at_peak_us")
            )
            print(f"{line['name']:54.54}  {line['word']:8}  {times}", flush=True)
            found.append({"model": model, **line})
    if options.json:
        save(options.json, found)


def measured(model: str) -> list[dict[str, Any]]:
    """Each kernel of ``model`` that takes time, the longest first."""
    program = vmprof.load_program(model)
    report = vmprof.profile(program, counters="none", metrics=True)
    words = bounds(report)
    rows = [row for row in merge_calls(report.calls) if BYTES in row]
    whole = sum(map(microseconds, rows))
    filler = np.ones(2 * largest_cache(), np.uint8)
    lines = []
    for row in sorted(rows, key=microseconds, reverse=True):
        if microseconds(row) < LEAST_SHARE * whole:
            continue
        kernel, tensors = program.packed_function(str(row["Name"])), tensors_of(row)
        near, far = alone(lambda: kernel(*tensors), filler)  # noqa: B023 # called at once
        bound = words[merge_key(row)]
        lines.append(
            {
                "name": row["Name"],
                "word": bound.word,
                "near_us": near,
                "model_us": fastest_us(row),
                "far_us": far,
                "at_peak_us": bound.needs_us or 0.0,
                "because": bound.because,
            }
        )
    return lines


def tensors_of(row: Row) -> list[Any]:
    """Arguments as the row had them, of numbers that need no care."""
    found = re.findall(r"(\w+)\[([\d, ]*)\]", str(row["Argument Shapes"]))
    shapes = [(kind, [int(size) for size in sizes.split(",") if size]) for kind, sizes in found]
    random = np.random.default_rng(0)
    return [tvm.runtime.tensor(random.random(shape).astype(kind)) for kind, shape in shapes]


def alone(run: Callable[[], object], filler: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Microseconds with its data near, and after ``filler`` was read."""

    def timed() -> float:
        before = time.perf_counter_ns()
        run()
        return (time.perf_counter_ns() - before) / 1e3

    near = [timed()]
    ends = time.perf_counter() + _NEAR_SECONDS
    while time.perf_counter() < ends or len(near) < 2 * _FAR_RUNS:
        near.append(timed())
    far = []
    for _ in range(_FAR_RUNS):
        lib.vmprof_evict(ffi.from_buffer("char[]", filler), filler.nbytes)
        far.append(timed())
    return min(near), min(far)


if __name__ == "__main__":
    main()
