"""Profile a model and print what each operator costs.

MODEL is the name of a model that vmprof brings along (vmprof models lists them),
the path of a library that TVM's export_library() wrote from a Relax module, or
that of a model to compile first: ONNX (.onnx) or exported from PyTorch (.pt2).

Inputs are made up from what the compiled function checks of its parameters,
unless --input gives them; so are weights that the library does not hold, unless
--params does. Durations and counters are read in runs of their own, each after
others like it; values are means over the middle half of the repeats.

Examples:
  vmprof run resnet18 --top 10
  vmprof run model.so --input x=x.npy --dim n=8 --counters ipc
  vmprof run resnet18 --metrics --json report.json --html report.html --open

"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from vmprof.cli import delivery
from vmprof.cli.progress import progress_line
from vmprof.cli.results import kept_if_lost
from vmprof.defaults import (
    AUTO_MAX_REPEATS,
    AUTO_MIN_REPEATS,
    AUTO_SECONDS,
    DEFAULT_ENGINE,
    DEFAULT_MAX_RECORDS,
    ENGINES,
    SCOPES,
)
from vmprof.errors import VmprofError


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, and on what."""
    parser.add_argument(
        "model", metavar="MODEL", help="a model's name, or a file: model.so, .onnx, .pt2"
    )
    what = parser.add_argument_group("what to run")
    what.add_argument(
        "--entry", default="main", metavar="NAME", help="the function to run (default: main)"
    )
    what.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]VALUE",
        help="NAME=FILE.npy for one parameter, FILE.npz for those it names, or NAME=zeros, ones, "
        "random, a number, LEAST..MOST (both included), or a shape as 2,8; repeatable",
    )
    what.add_argument(
        "--params",
        metavar="FILE",
        help="weights by name, for a model that takes them as parameters: .safetensors or .npz",
    )
    what.add_argument(
        "--dim",
        action="append",
        default=[],
        type=_dimension,
        metavar="NAME=N",
        help="the size of a symbolic dimension; repeatable. The second that is written n is n#2",
    )
    what.add_argument(
        "--seed", type=_natural, default=0, metavar="N", help="for made-up inputs (default: 0)"
    )
    what.add_argument(
        "--import",
        action="append",
        default=[],
        dest="imports",
        metavar="PACKAGE",
        help="import a Python package first, which registers functions that the model calls; "
        "repeatable",
    )
    what.add_argument(
        "--schedule",
        choices=("cpu", "none"),
        help="how to compile what is not compiled yet: with vmprof's schedule, or as TVM does by "
        "itself (default: cpu for the models that vmprof brings along, none for others)",
    )


def add_cold_argument(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cold",
        action="store_true",
        help="evict the caches before each run, unprofiled ones too (default: each run comes after "
        "others of its kind, as many as it takes to be as fast as in a loop)",
    )


def model_options(options: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_model_arguments` added, as options of :func:`vmprof.profile`."""
    from vmprof.inputs import load_arrays  # TVM, which takes time to load

    for package in options.imports:
        import_package(package)
    return {
        "inputs": load_arrays(options.input),
        "params": options.params,
        "entry": options.entry,
        "dimensions": dict(options.dim),
        "seed": options.seed,
        "schedule": options.schedule,
    }


def import_package(name: str) -> None:
    """Import a package, from the current folder too, for what it registers with TVM."""
    sys.path.insert(0, "")
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever the user's package raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VmprofError(
            f"--import {name}: it cannot be imported: {type(error).__name__}: {reason}"
        ) from error
    finally:
        sys.path.remove("")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    how = parser.add_argument_group("how to measure")
    how.add_argument(
        "--engine",
        choices=ENGINES,
        default=DEFAULT_ENGINE,
        help="what runs the model: vmprof's own dispatch loop, or TVM's VM with the recorder as "
        f"its instrument (default: {DEFAULT_ENGINE})",
    )
    how.add_argument(
        "--counters",
        metavar="WHAT",
        help="a counter set (ipc), its file (mine.toml), events as perf names them "
        "(cycles,r01c2), or none; vmprof events lists both (default: the five of TVM's reports "
        "where the machine has any of them, else the software events)",
    )
    how.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help=f"measured rounds (default: as many as fit into {AUTO_SECONDS:.0f} s, "
        f"{AUTO_MIN_REPEATS} to {AUTO_MAX_REPEATS})",
    )
    how.add_argument(
        "--warmup",
        type=int,
        default=1,
        metavar="N",
        help="rounds before those (default: 1; 0: and no run but those that are measured)",
    )
    how.add_argument(
        "--single-pass",
        action="store_true",
        help="read clock and counters in the same run, and make no run but those that are "
        "measured and warm-up rounds: for models that keep state",
    )
    add_cold_argument(how)
    how.add_argument(
        "--multiplex",
        action="store_true",
        help="events that do not fit into the PMU take turns in one pass; each value then says "
        "which part of the time it was counted (default: a pass for each group that fits)",
    )
    how.add_argument(
        "--collector",
        action="append",
        default=[],
        metavar="COLLECTOR",
        help="measure with code of your own: LIBRARY.so, FILE.py:CLASS or MODULE:CLASS; repeatable",
    )
    how.add_argument(
        "--metrics",
        action="store_true",
        help="columns that say how well a kernel uses the machine: GFLOP/s, GB/s, ... and of "
        "the counters that there are IPC, misses per 1000 instructions, stalled shares",
    )
    how.add_argument(
        "--count",
        choices=SCOPES,
        default=SCOPES[0],
        help="whose work a call's counters hold: tasks (the calling thread, and TVM's workers in "
        "their tasks; the default), inherit (also all threads started while counting, idle or "
        "not), process (all threads), caller (the calling thread alone)",
    )
    how.add_argument(
        "--threads",
        action="store_true",
        help="columns that say how calls used threads: how many, CPU time, efficiency, imbalance, "
        "waiting",
    )
    how.add_argument(
        "--num-threads",
        type=int,
        metavar="N",
        help="threads of TVM's pool, the calling one included (default: TVM's)",
    )
    how.add_argument(
        "--pin",
        metavar="CPUS",
        help="a CPU for the calling thread, then one for each worker, as in 0-3,8",
    )
    how.add_argument(
        "--max-records",
        type=int,
        default=DEFAULT_MAX_RECORDS,
        metavar="N",
        help=f"calls of one run that the recorder has room for (default: {DEFAULT_MAX_RECORDS})",
    )
    how.add_argument("--quiet", action="store_true", help="no progress line")
    delivery.add_arguments(parser)


def execute(options: argparse.Namespace) -> None:
    target = delivery.Delivery(options)
    if options.by == "path" and options.engine != DEFAULT_ENGINE:
        raise VmprofError(
            f"--by path needs --engine {DEFAULT_ENGINE}: TVM's VM does not tell its hook in which "
            "functions a call is made"
        )
    # TVM, which takes time to load.
    from vmprof.drivers.profile import profile
    from vmprof.record.pool import parse_cpus
    from vmprof.record.rounds.collectors import load_collector

    model = model_options(options)
    collectors = [load_collector(each) for each in options.collector]
    with progress_line(quiet=options.quiet) as progress:
        report = profile(
            options.model,
            engine=options.engine,
            counters=options.counters,
            repeats=options.repeats,
            warmup=options.warmup,
            single_pass=options.single_pass,
            cold=options.cold,
            multiplex=options.multiplex,
            collectors=collectors,
            count=options.count,
            threads=options.threads,
            num_threads=options.num_threads,
            pin=parse_cpus(options.pin) if options.pin else (),
            max_records=options.max_records,
            metrics=options.metrics,
            progress=progress,
            **model,
        )
    with kept_if_lost([report.json]):
        target.deliver([report])


def _dimension(text: str) -> tuple[str, int]:
    name, separator, size = text.partition("=")
    if not (name and separator and size.isascii() and size.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=N")
    return name, int(size)


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 up")
    return int(text)
