"""What it takes vmprof to compile the models that it brings along, into an empty cache.

    python benchmarks/compile.py [--quick] [--json FILE] [--models NAME ...]

Each in a process of its own, which has imported what it needs: seconds by the clock, of which
so many to draw weights, to compile and to write the library; seconds of the processor, the
linker's included; and the process's peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from figures import Figure, alone

# Compiled in a second or two.
QUICK = ("mlp", "dcgan")
# What a step of the progress begins with, and what is done in it.
STEPS = {"step 1": "drawing weights", "step 2": "compiling", "step 3": "writing the library"}


def compile_alone(model: str) -> None:
    """Compile it in this process, and print what it took."""
    from vmprof.zoo.compiler import compile_model

    steps: dict[str, float] = {}

    def progress(text: str) -> None:
        step = re.search(r", (step \d) of", text)
        assert step is not None
        steps.setdefault(step[1], time.perf_counter())

    began, began_cpu = time.perf_counter(), sum(os.times()[:4])
    library = compile_model(model, progress=progress)
    end, cpu = time.perf_counter(), sum(os.times()[:4]) - began_cpu
    assert library is not None
    assert steps.keys() == STEPS.keys()
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    begins = [*steps.values(), end]
    print(
        json.dumps(
            {
                "wall": end - began,
                "cpu": cpu,
                "steps": [after - before for before, after in pairwise(begins)],
                "peak": 1024 * int(peak[1]),
                "library": library.stat().st_size,
            }
        )
    )


def compiled(model: str) -> dict[str, Any]:
    """What :func:`compile_alone` printed, in a process with a cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run(
            [sys.executable, __file__, "--compile", model],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": folder},
        ).stdout
    found: dict[str, Any] = json.loads(printed)
    return found


def figures(models: Sequence[str] | None = None, *, quick: bool = False) -> Iterator[Figure]:
    names = models or (QUICK if quick else _all_models())
    total = total_cpu = 0.0
    for model in names:
        found = compiled(model)
        total += found["wall"]
        total_cpu += found["cpu"]
        steps = ", ".join(
            f"{what} {seconds:.2f} s"
            for what, seconds in zip(STEPS.values(), found["steps"], strict=True)
        )
        size = f"a library of {found['library'] / 1e6:,.1f} MB"
        yield _figure(model, "time to compile", found["wall"], of=f"by the clock: {steps}")
        yield _figure(model, "processor time", found["cpu"], of="with the linker's")
        yield _figure(model, "peak of memory", found["peak"] / 1e6, unit="MB", of=f"for {size}")
    case = f"all {len(names)}"
    yield _figure(case, "time to compile", total, of="one after the other")
    yield _figure(case, "processor time", total_cpu, of="with the linker's")


def _figure(case: str, name: str, value: float, *, of: str, unit: str = "s") -> Figure:
    return Figure(case=case, name=name, value=value, unit=unit, of=of)


def _all_models() -> Sequence[str]:
    from vmprof.zoo.models import MODELS

    return [*MODELS]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: all that there are")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--compile", model]:
            compile_alone(model)
        case _:
            alone(figures, __doc__, arguments)
