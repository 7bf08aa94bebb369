"""What it takes to look into all operators of a model, and to have lines in its code.

    python benchmarks/annotate.py [--quick] [--json FILE] [--model NAME]

The model is run once with its threads sampled. What is timed, by the clock, is ``vmprof
annotate`` of what that saved: a process from its start to its end, which prints all operators;
or writes the page and the JSON, with the lines, loops and instructions of each. And,
in turns in one process, the processor time of compiling the model with lines and without.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from figures import Figure, alone

MODEL, SMALL = "resnet50", "resnet18"
ROUNDS, FEW_ROUNDS = 5, 2
REPEATS = {False: "10", True: "2"}
GOAL_S = 5.0


def vmprof(*arguments: str) -> float:
    """Seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "vmprof", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def annotating(model: str, *, quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        report, page, json = (str(Path(folder, name)) for name in ("r.json", "p.html", "p.json"))
        repeats = REPEATS[quick]
        vmprof("run", model, "--sample", "--repeats", repeats, "--quiet", "--json", report)
        forms = {
            "all operators, printed": (),
            "page and JSON, all lines, loops, instructions": ("--html", page, "--json", json),
        }
        rounds = range(FEW_ROUNDS if quick else ROUNDS)
        taken: dict[str, list[float]] = {name: [] for name in forms}
        for _ in rounds:
            for name, options in forms.items():
                taken[name].append(vmprof("annotate", report, "--force", *options))
        for name, seconds in taken.items():
            of = "vmprof annotate, from its start to its end"
            yield Figure.of_samples(model, name, seconds, unit="s", of=of, goal=GOAL_S)


def compiling(model: str, *, quick: bool) -> Iterator[Figure]:
    from vmprof.zoo.compiler import compile as module
    from vmprof.zoo.models import MODELS

    attached, named = module.lines_attached, module.name_bodies

    def compile_once(*, lines: bool) -> float:
        relax_module = MODELS[model]()
        nothing = patch.multiple(
            module,
            lines_attached=attached if lines else _nothing_attached,
            name_bodies=named if lines else _nothing_named,
        )
        began = time.process_time()
        with nothing:
            module.compile_module(relax_module, schedule="cpu").mod.imports[0].inspect_source("asm")
        return time.process_time() - began

    compile_once(lines=True)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(FEW_ROUNDS if quick else ROUNDS):
        for lines, of_round in seconds.items():
            of_round.append(compile_once(lines=lines))
    of = "processor time of compiling to machine code, with lines over without"
    yield Figure.of_ratio(model, "compiling with lines", seconds[True], seconds[False], of=of)


@contextmanager
def _nothing_attached() -> Iterator[SimpleNamespace]:
    """Instead of lines: TVM's own pipeline."""
    yield SimpleNamespace(pipeline="default", text="", problem="")


def _nothing_named(_: object) -> str:
    return ""


def figures(*, quick: bool = False, model: str | None = None) -> Iterator[Figure]:
    model = model or (SMALL if quick else MODEL)
    yield from annotating(model, quick=quick)
    yield from compiling(SMALL, quick=quick)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help=f"default: {MODEL}, or {SMALL} with --quick")


if __name__ == "__main__":
    alone(figures, __doc__, _add_arguments)
