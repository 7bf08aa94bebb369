"""The word that says what bounds an operator, against a stopwatch.

    python benchmarks/bounds.py [--quick] [--json FILE] [MODEL ...]

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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tvm
from figures import Figure, alone

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


def figures(models: Sequence[str] | None = None, *, quick: bool = False) -> Iterator[Figure]:
    """Of each kernel that takes time, the longest of a model first."""
    for model in models or (MODELS[:1] if quick else MODELS):
        yield from measured(model)


def measured(model: str) -> Iterator[Figure]:
    program = vmprof.load_program(model)
    report = vmprof.profile(program, counters="none", metrics=True)
    words = bounds(report)
    rows = [row for row in merge_calls(report.calls) if BYTES in row]
    whole = sum(map(microseconds, rows))
    filler = np.ones(2 * largest_cache(), np.uint8)
    for row in sorted(rows, key=microseconds, reverse=True):
        if microseconds(row) < LEAST_SHARE * whole:
            continue
        kernel, tensors = program.packed_function(str(row["Name"])), tensors_of(row)
        near, far = by_itself(lambda: kernel(*tensors), filler)  # noqa: B023 # called at once
        bound = words[merge_key(row)]
        case = f"{model}, {bound.word}: {row['Name']}"
        figure = partial(Figure, case=case, unit="us")
        yield figure(name="alone, data near", of="the fastest call", value=near)
        yield figure(name="in the model", of="a call in the fastest repeat", value=fastest_us(row))
        yield figure(name="alone, caches filled before", of="the fastest call", value=far)
        yield figure(
            name="needed at the peak",
            of="what its operations or data need",
            value=bound.needs_us,
            absent="not known",
        )


def tensors_of(row: Row) -> list[Any]:
    """Arguments as the row had them, of numbers that need no care."""
    found = re.findall(r"(\w+)\[([\d, ]*)\]", str(row["Argument Shapes"]))
    shapes = [(kind, [int(size) for size in sizes.split(",") if size]) for kind, sizes in found]
    random = np.random.default_rng(0)
    return [tvm.runtime.tensor(random.random(shape).astype(kind)) for kind, shape in shapes]


def by_itself(run: Callable[[], object], filler: np.ndarray[Any, Any]) -> tuple[float, float]:
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


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"default: {', '.join(MODELS)}")


if __name__ == "__main__":
    alone(figures, __doc__, _add_arguments)
