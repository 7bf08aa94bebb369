"""What it takes vmprof to load a library with large constants, beside TVM itself.

    python benchmarks/load.py [--quick] [--json FILE] [--megabytes N ...] [--model NAME]
                              [--rounds N]

A library of so many megabytes of constants is made, then loaded by processes in turn: by
TVM's ``load_module`` and a virtual machine, and by vmprof to where a run could begin; so is
a large model of vmprof's, from its cache. Processor time, the system's included, without that
of imports; and the process's peak of memory. Ratios are of medians.

Then, by the clock, what it takes ``vmprof run`` of that model to print its first table, of
three repeats: from its start on, with all that it imports, over what TVM takes to load it and
the runs themselves, of both VMs, which are timed from outside.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from figures import TIMES, Figure, alone

MEGABYTES, MODEL, ROUNDS = (50, 200), "vgg16", 3
# The same, when it shall be quick.
FEW_MEGABYTES, SMALLER, FEW_ROUNDS = (50,), "resnet18", 2
GOAL, GOAL_OF_TABLE = 1.3, 1.5
SIZE = 4 << 20  # bytes of a constant
LOADERS = ("tvm", "vmprof")
REPEATS = "3"
# Of an engine: all that runs the model.
RUNNING = ("run", "record", "unprofiled", "time_unprofiled", "evaluate")


def make_library(path: Path, megabytes: int) -> None:
    """Additions of constants, as many as make up ``megabytes``."""
    import numpy as np
    from tvm import relax

    from vmprof import compile as vmprof_compile

    length = SIZE // 4
    random = np.random.default_rng(0)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((length,), "float32"))
    with builder.function("main", [x]):
        total = x
        for _ in range(megabytes * (1 << 20) // SIZE):
            constant = relax.const(random.random(length, "float32"))
            total = builder.emit(relax.op.add(total, constant))
        builder.emit_func_output(total)
    vmprof_compile(builder.get()).export_library(str(path))


def cached(model: str) -> Path:
    """The library of ``model``, compiled if it is not in the cache."""
    from vmprof.zoo.compiler import compile_model

    library = compile_model(model)
    assert library is not None
    return library


def load(loader: str, path: str) -> None:
    """Load it in this process, and print seconds of the processor and of the clock, and bytes."""
    import tvm
    from tvm import relax

    from vmprof.subject.load import load_program
    from vmprof.vm.executable import Executable

    began, began_ns = time.process_time(), time.perf_counter_ns()
    if loader == "tvm":
        vm = relax.VirtualMachine(tvm.runtime.load_module(path), tvm.cpu())
    else:
        vm = Executable(load_program(path), tvm.cpu(), wraps=False).vm()
    took = time.process_time() - began, (time.perf_counter_ns() - began_ns) / 1e9
    assert vm is not None
    print(json.dumps([*took, peak_bytes()]))


def peak_bytes() -> int:
    """Of this program alone: ru_maxrss begins with what the process that started it had."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def first_table(model: str) -> None:
    """``vmprof run`` in this process; then the number of its runs of ``model``, and seconds."""
    from vmprof.cli.main import main
    from vmprof.record.rounds.engines import Engine

    seconds: list[float] = []
    running = False  # of methods that call one another the outermost counts

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def run(*args: Any, **options: Any) -> Any:
            nonlocal running
            if running:
                return method(*args, **options)
            running, began = True, time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                seconds.append(time.perf_counter() - began)
                running = False

        return run

    for name in RUNNING:
        setattr(Engine, name, timed(getattr(Engine, name)))
    code = main(["run", model, "--repeats", REPEATS])
    print(json.dumps([len(seconds), sum(seconds)]))
    sys.exit(code)


def child(*arguments: str) -> tuple[list[Any], float]:
    """The last line that this program, so started, printed; and seconds by the clock."""
    began = time.perf_counter()
    command = [sys.executable, __file__, *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    took = time.perf_counter() - began
    last: list[Any] = json.loads(printed.splitlines()[-1])
    return last, took


def loading(case: str, library: Path, rounds: int) -> Iterator[Figure]:
    """Both loaders, in turn; the last figure is of TVM's by the clock."""
    found: dict[str, list[list[float]]] = {loader: [] for loader in LOADERS}
    for _ in range(rounds):
        for loader in LOADERS:
            found[loader].append(child("--load", loader, str(library))[0])
    (their_s, their_wall_s, their_bytes), (our_s, _, our_bytes) = (
        list(zip(*found[loader], strict=True)) for loader in LOADERS
    )
    whose = "TVM's load_module and VM"
    yield Figure.of_samples(case, "TVM, time to load", their_s, unit="s", of=whose)
    of = f"vmprof, to where a run could begin, over {whose}"
    yield Figure.of_ratio(case, "time to load", our_s, their_s, of=of, goal=GOAL)
    megabytes = [each / 1e6 for each in their_bytes]
    yield Figure.of_samples(case, "TVM, peak of memory", megabytes, unit="MB", of=whose)
    yield Figure.of_ratio(case, "peak of memory", our_bytes, their_bytes, of=of, goal=GOAL)
    yield Figure.of_samples(case, "TVM, by the clock", their_wall_s, unit="s", of=whose)


def table(model: str, rounds: int, load_s: float) -> Iterator[Figure]:
    """The first table of ``model``, which TVM loads in ``load_s``."""
    took, ratios, runs_s = [], [], []
    for _ in range(rounds):
        (runs, seconds), whole_s = child("--first-table", model)
        took.append(whole_s)
        runs_s.append(seconds)
        ratios.append(whole_s / (load_s + seconds))
    case = f"{model} --repeats {REPEATS}"
    of = f"{runs} runs of the model, warm-up and TVM's VM included"
    yield Figure.of_samples(case, "all runs", runs_s, unit="s", of=of)
    of = "vmprof run, from its start to its end"
    yield Figure.of_samples(case, "time to the first table", took, unit="s", of=of)
    of += ", over TVM's load and the runs themselves"
    goal = GOAL_OF_TABLE if model == MODEL else None  # of a small one it is all imports
    yield Figure.of_samples(case, "first table", ratios, unit=TIMES, of=of, goal=goal)


def figures(
    megabytes: Sequence[int] | None = None,
    model: str | None = None,
    rounds: int | None = None,
    *,
    quick: bool = False,
) -> Iterator[Figure]:
    rounds = rounds or (FEW_ROUNDS if quick else ROUNDS)
    model = model or (SMALLER if quick else MODEL)
    with tempfile.TemporaryDirectory() as folder:
        for each in megabytes or (FEW_MEGABYTES if quick else MEGABYTES):
            library = Path(folder, f"{each}.so")
            make_library(library, each)
            *of_both, _ = loading(f"{each:,} MB of constants", library, rounds)
            yield from of_both
    *of_both, by_the_clock = loading(f"{model} from the cache", cached(model), rounds)
    yield from of_both
    assert by_the_clock.value is not None
    yield from table(model, rounds, by_the_clock.value)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--megabytes", type=int, nargs="+", metavar="N")
    parser.add_argument("--model", metavar="NAME", help=f"of vmprof's models (default: {MODEL})")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {ROUNDS}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--load", loader, path]:
            load(loader, path)
        case ["--first-table", model]:
            first_table(model)
        case _:
            alone(figures, __doc__, arguments)
