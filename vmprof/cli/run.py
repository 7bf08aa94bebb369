"""Profile a model and print what each operator costs.

MODEL is the name of a model that vmprof brings along (vmprof models lists them),
the path of a library that TVM's export_library() wrote from a Relax module, or
that of a model to compile first: ONNX (.onnx) or exported from PyTorch (.pt2).

Inputs are made up from what the compiled function checks of its parameters,
unless --input gives them; so are weights that the library does not hold, unless
--params does. Durations and counters are read in runs of their own, each after
others like it; values are means over the middle half of the repeats. From one start
of a program to the next they differ by more than from repeat to repeat: --processes.

Examples:
  vmprof run resnet18 --top 10
  vmprof run model.so --input x=x.npy --dim n=8 --counters ipc
  vmprof run model.so --processes 5 --json before.json
  vmprof run resnet18 --metrics --json report.json --html report.html --open
  vmprof run resnet18 --rpc board:9090

"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from vmprof.cli import delivery, strict
from vmprof.cli.numbers import positive
from vmprof.cli.progress import progress_line
from vmprof.cli.results import kept_if_lost
from vmprof.cli.strict import Strict
from vmprof.defaults import DEFAULT_ENGINE, ENGINES
from vmprof.drivers.options import Profiling
from vmprof.errors import DIED, VmprofError
from vmprof.progress import Progress, silent
from vmprof.remote.options import Where
from vmprof.report import Report
from vmprof.report.noise import Level, noise_of
from vmprof.subject.options import Subject

if TYPE_CHECKING:
    from vmprof.drivers.processes import Offer
    from vmprof.remote.client import Remote


def add_arguments(parser: argparse.ArgumentParser) -> None:
    Subject.add_arguments(parser)
    how = parser.add_argument_group("how to run it")
    how.add_argument(
        "--engine",
        choices=ENGINES,
        default=DEFAULT_ENGINE,
        help="what runs the model: vmprof's own dispatch loop, or TVM's VM with the recorder as "
        f"its instrument (default: {DEFAULT_ENGINE})",
    )
    how.add_argument(
        "--processes",
        type=positive,
        default=1,
        metavar="N",
        help="measure in N fresh processes, one after the other; the report has the means and "
        "what each of them measured, from which vmprof diff knows how much starts differ "
        "(default: 1)",
    )
    how.add_argument(
        "--isolate",
        action="store_true",
        help="run the model in a process of its own, so that a crash of it is one line and exit "
        f"code {DIED}, and what was measured before it is kept; --processes does so anyway",
    )
    how.add_argument("--quiet", action="store_true", help="no progress line")
    strict.add_argument(parser)
    Profiling.add_arguments(parser)
    Where.add_arguments(parser)
    delivery.add_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    target = delivery.Delivery(options)
    if options.by == "path" and options.engine != DEFAULT_ENGINE:
        raise VmprofError(
            f"--by path needs --engine {DEFAULT_ENGINE}: TVM's VM does not tell in which "
            "functions a call is made"
        )
    where = Where.from_options(options)
    if where and options.isolate:
        raise VmprofError("--isolate is of runs here: TVM's server has a process for each client")
    with progress_line(quiet=options.quiet) as progress:
        if where:
            with where.connect(progress=progress) as remote:
                named = Strict(options, remote.columns)
                report = _measured_there(options, remote, progress)
        else:
            named = Strict(options)
            report = _measured_here(options, progress)
    with kept_if_lost([report.json]):
        target.deliver([report])
    if target.width is None:
        warn_of_noise(report)
    return named.exit_code([report], {})


def warn_of_noise(report: Report) -> None:
    """On stderr, that ``report`` is not to be believed: TVM's table, in a pipe, does not say so."""
    noise = noise_of(report)
    if noise is not None and noise.level is Level.TOO_NOISY:
        told = "; ".join(filter(None, (noise.verdict, noise.remedy)))
        print(f"vmprof: {told}", file=sys.stderr)


def _measured_there(options: argparse.Namespace, remote: Remote, progress: Progress) -> Report:
    subject, profiling = Subject.from_options(options), Profiling.from_options(options)
    return remote.profile(
        subject, profiling, options.engine, starts=options.processes, progress=progress
    )


def _measured_here(options: argparse.Namespace, progress: Progress) -> Report:
    if options.processes == 1 and not options.isolate:
        return measured(options, progress)
    from vmprof.cli.processes import in_processes, isolated
    from vmprof.report.starts import joined

    make = partial(measured, options)
    if options.processes == 1:
        return isolated(make, progress=progress)
    (reports,) = in_processes([make], options.processes, progress=progress)
    return joined(reports)


def measured(
    options: argparse.Namespace, progress: Progress = silent, offer: Offer = lambda _: None
) -> Report:
    """What ``options`` want to be measured, in this process.

    ``offer`` gets what there is after each round.
    """
    from vmprof.drivers.engines import profile_engines  # TVM, which takes time to load

    subject, profiling = Subject.from_options(options), Profiling.from_options(options)
    engine = options.engine
    return profile_engines(
        subject,
        [engine],
        profiling,
        progress=progress,
        so_far=lambda reports: offer(lambda: reports()[engine]),
    )[engine]
