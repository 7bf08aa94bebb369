"""What it takes vmprof to load a library with large constants, beside TVM itself.

    python benchmarks/load.py [--megabytes N] [--rounds N]

A library of so many megabytes of constants is made, then loaded by processes in turn: by
TVM's ``load_module`` and a virtual machine, and by vmprof to where a run could begin.
Processor time, the system's included, without that of imports; and the process's peak of
memory. Goals are ratios of medians: at most 1.3 of TVM's own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--load", nargs=2, metavar=("ENGINE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(*options.load)
        return
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "model.so")
        make_library(library, options.megabytes)
        found: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
        for _ in range(options.rounds):
            for engine in ENGINES:
                command = [sys.executable, __file__, "--load", engine, str(library)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True)
                found[engine].append(tuple(json.loads(printed.stdout)))
    (tvm_s, tvm_bytes), (our_s, our_bytes) = (
        tuple(map(median, zip(*found[engine], strict=True))) for engine in ENGINES
    )
    print(
        f"{options.megabytes} MB of constants: ours {our_s:.2f} s and {our_bytes / 1e6:,.0f} MB, "
        f"TVM's {tvm_s:.2f} s and {tvm_bytes / 1e6:,.0f} MB; ratios {our_s / tvm_s:.2f} and "
        f"{our_bytes / tvm_bytes:.2f} (goal {GOAL})"
    )


if __name__ == "__main__":
    main()
