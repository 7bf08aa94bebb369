"""The profiler that TVM 0.23 still had, beside vmprof, on the mlp as TVM compiles it.

    python benchmarks/compare_tvm_023.py [--quick] [--json FILE] [--environment DIR]

TVM 0.23 goes into an environment of its own, which is made once; where its wheel cannot be
installed the figures say so. Both report Total of a profiled run; each is set beside runs of
the same TVM that are not profiled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

from figures import TIMES, Figure, alone
from models import PLAIN, measured

from vmprof.cache_folder import cache_folder

PACKAGES = ("apache-tvm==0.23.*", "numpy", "packaging")
ROUNDS = 100
TOTAL, WALL = "Total", "wall time"
OF = {
    TOTAL: "what the profiler reports as Total, over unprofiled runs",
    WALL: "a call of the profiler, over an unprofiled run",
}


class NoTvmError(Exception):
    """Says why TVM 0.23 does not run; fit to be shown in a table."""


def installed(folder: Path) -> Path:
    """The Python of the environment in ``folder``, which has TVM 0.23."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise NoTvmError(f"cannot be installed: {errors[-1].removeprefix('ERROR: ')}")
    return python


def profiled(folder: Path, rounds: int) -> dict[str, list[float]]:
    """What tvm_profile.py prints there."""
    program = Path(__file__).with_name("tvm_profile.py")
    command = [str(installed(folder)), "-I", str(program), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise NoTvmError(f"does not run here: {last}")
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def figures(environment: Path | None = None, *, quick: bool = False) -> Iterator[Figure]:
    folder = environment or cache_folder() / "tvm-0.23"
    case = "mlp, TVM 0.23's vm.profile"
    try:
        theirs = profiled(folder, ROUNDS // 10 if quick else ROUNDS)
    except NoTvmError as error:
        yield Figure(case=case, name=TOTAL, unit=TIMES, of=OF[TOTAL], absent=str(error))
        return
    unprofiled = theirs["unprofiled"]
    yield Figure.of_samples(case, "unprofiled", unprofiled, unit="us", of="TVM 0.23's VM")
    yield Figure.of_ratio(case, TOTAL, theirs["total"], unprofiled, of=OF[TOTAL])
    yield Figure.of_ratio(case, WALL, theirs["wall"], unprofiled, of=OF[WALL])
    ours = measured(PLAIN, quick=quick).engines["vmprof"]
    case = "mlp, vmprof"
    yield Figure.of_samples(case, "unprofiled", ours.unprofiled, unit="us", of="TVM's VM")
    yield Figure.of_ratio(case, TOTAL, ours.total, ours.unprofiled, of=OF[TOTAL])
    yield Figure.of_ratio(case, WALL, ours.wall, ours.unprofiled, of=OF[WALL])


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="DIR",
        help="where TVM 0.23 is, or shall be (default: tvm-0.23 in vmprof's cache folder)",
    )


if __name__ == "__main__":
    alone(figures, __doc__, arguments)
