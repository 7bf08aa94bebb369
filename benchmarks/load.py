"""What it takes vmprof to load a library with large constants, beside TVM itself.

    python benchmarks/load.py [--quick] [--json FILE] [--megabytes N ...] [--rounds N]

A library of so many megabytes of constants is made, then loaded by processes in turn: by
TVM's ``load_module`` and a virtual machine, and by vmprof to where a run could begin.
Processor time, the system's included, without that of imports; and the process's peak of
memory. Ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import Figure, alone

MEGABYTES, ROUNDS = (50, 100, 200), 3
GOAL = 1.3
SIZE = 4 << 20  # bytes of a constant
ENGINES = ("tvm", "vmprof")


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


def load(engine: str, path: str) -> None:
    """Load it in this process, and print seconds and bytes."""
    import tvm
    from tvm import relax

    from vmprof.subject.load import load_program
    from vmprof.vm.executable import Executable

    began = time.process_time()
    if engine == "tvm":
        machine = relax.VirtualMachine(tvm.runtime.load_module(path), tvm.cpu())
    else:
        machine = Executable(load_program(path), tvm.cpu()).vm()
    took = time.process_time() - began
    assert machine is not None
    print(json.dumps([took, peak_bytes()]))


def peak_bytes() -> int:
    """Of this program alone: ru_maxrss begins with what the process that started it had."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def compare(megabytes: int, rounds: int) -> Iterator[Figure]:
    """Both, in turn."""
    found: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "model.so")
        make_library(library, megabytes)
        for _ in range(rounds):
            for engine in ENGINES:
                command = [sys.executable, __file__, "--load", engine, str(library)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True)
                found[engine].append(tuple(json.loads(printed.stdout)))
    case = f"{megabytes:,} MB of constants"
    (their_s, their_bytes), (our_s, our_bytes) = (
        list(zip(*found[engine], strict=True)) for engine in ENGINES
    )
    whose = "TVM's load_module and VM"
    yield Figure.of_samples(case, "TVM, time", their_s, unit="s", of=whose)
    of = f"vmprof, to where a run could begin, over {whose}"
    yield Figure.of_ratio(case, "time", our_s, their_s, of=of, goal=GOAL)
    megabytes_of = [each / 1e6 for each in their_bytes]
    yield Figure.of_samples(case, "TVM, peak of memory", megabytes_of, unit="MB", of=whose)
    yield Figure.of_ratio(case, "peak of memory", our_bytes, their_bytes, of=of, goal=GOAL)


def figures(
    megabytes: Sequence[int] = MEGABYTES,
    rounds: int | None = None,
    *,
    quick: bool = False,
) -> Iterator[Figure]:
    for each in megabytes[:1] if quick else megabytes:
        yield from compare(each, rounds or (2 if quick else ROUNDS))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--megabytes", type=int, nargs="+", default=MEGABYTES, metavar="N")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {ROUNDS}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(*sys.argv[2:])
    else:
        alone(figures, __doc__, arguments)
