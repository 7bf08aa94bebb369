"""Look into operators: where inside them time goes, and what their loops are made of.

MODEL is as for vmprof run: it is run with its threads sampled. It may also be a report with
samples, which vmprof run --sample --json wrote, or what vmprof record --sample saved: all that
is needed to look into it is in there.

Lines are those of the TensorIR that a kernel's machine code was made of. They are known of
what vmprof compiled: its models, .onnx, .pt2, and libraries of vmprof.compile. Of others
instructions are shown. Without --op, all operators, and where each spends most.

Examples:
  vmprof annotate resnet18
  vmprof annotate resnet18 --op fused_nn_contrib_conv2d_NCHWc_add_nn_relu
  vmprof annotate report.json --op matmul --by instruction
  vmprof annotate run.vmprof --report decode
  vmprof annotate resnet18 --html inside.html --open

"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vmprof.cli.progress import progress_line
from vmprof.cli.results import ABOUT_FILES, Results, Text, kept_if_lost
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.report.render.inside import BY
from vmprof.subject.options import Subject

if TYPE_CHECKING:
    from vmprof.report import Report
    from vmprof.report.annotated import Annotated, Operator

_FORMS = ("json", "html")
_MODELS = (".so", ".onnx", ".pt2")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    Subject.add_arguments(parser)
    what = parser.add_argument_group("what is shown")
    what.add_argument(
        "--report", metavar="NAME", help="the function, of what vmprof record --sample saved"
    )
    what.add_argument("--op", metavar="NAME", help="the operator to look into (default: all)")
    what.add_argument(
        "--by",
        choices=BY,
        default=BY[0],
        help="by line of TensorIR, by machine instruction, or by function (default: line)",
    )
    how = parser.add_argument_group("how to run it")
    how.add_argument("--quiet", action="store_true", help="no progress line")
    Profiling.add_arguments(parser)
    where = parser.add_argument_group("where it goes, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write all of it, as JSON")
    where.add_argument("--html", metavar="FILE", help="write a page to look at in a browser")
    where.add_argument("--open", action="store_true", help="show the --html FILE in a browser")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> None:
    results = Results(options, _FORMS)
    page = results.files.get("html")
    if options.open and (page is None or not page.is_file):
        raise VmprofError("--open needs a page to show: --html FILE")
    report = _saved(options)
    measured = report is None
    if report is None:
        report = _measured(options)
    with kept_if_lost([report.json] if measured else []):
        from vmprof.report.annotated import annotated

        everything = annotated(report)
        operator = None if options.op is None else _named(options.op, everything)
        results.deliver(
            _forms(everything, operator), partial(_text, everything, operator, options.by)
        )
    if options.open and page is not None:
        webbrowser.open(page.path.as_uri())


def _saved(options: argparse.Namespace) -> Report | None:
    """The report that MODEL is, or that of a function in a recording; None for a model."""
    from vmprof.compare.readers import STANDARD_INPUT, read_reports

    path = Path(options.model)
    if options.model != STANDARD_INPUT and (path.suffix in _MODELS or not path.is_file()):
        return None
    from vmprof.recording.recognized import holds_recording

    if holds_recording(path):
        from vmprof.recording.reports import reports
        from vmprof.recording.saved import load

        found = reports(load(path))
    else:
        found = {each.model or each.where: each.report for each in read_reports(options.model)}
    known = ", ".join(found) or "none"
    if options.report is None:
        if len(found) == 1:
            return next(iter(found.values()))
        raise VmprofError(f"{path} has {len(found)} reports; name one with --report: {known}")
    if options.report not in found:
        raise VmprofError(f"{path} has no report of {options.report!r}; it has: {known}")
    return found[options.report]


def _measured(options: argparse.Namespace) -> Report:
    from dataclasses import replace

    from vmprof.drivers.engines import profile_engines  # TVM, which takes time to load

    profiling = Profiling.from_options(options)
    if not profiling.sampling:
        profiling = replace(profiling, sampling=replace(profiling.sampling, sample=True))
    subject = Subject.from_options(options)
    with progress_line(quiet=options.quiet) as progress:
        reports = profile_engines(subject, [DEFAULT_ENGINE], profiling, progress=progress)
    return reports[DEFAULT_ENGINE]


def _named(name: str, everything: Annotated) -> Operator:
    from vmprof.counters.names.suggest import did_you_mean

    for operator in everything.operators:
        if operator.name == name:
            return operator
    known = {operator.name for operator in everything.operators}
    listed = f"; those with samples are {', '.join(sorted(known)[:8])}"
    raise VmprofError(
        f"no operator {name!r} has samples" + did_you_mean(name, known, otherwise=listed)
    )


def _forms(everything: Annotated, operator: Operator | None) -> dict[str, Text]:
    shown = everything.operators if operator is None else (operator,)

    def as_json() -> str:
        from vmprof.report.render.inside import json

        return json.render(everything, shown)

    def as_page() -> str:
        from vmprof.report.render.inside import page  # its template engine takes time to load

        return page.render(everything, shown)

    return {"json": as_json, "html": as_page}


def _text(everything: Annotated, operator: Operator | None, by: str) -> str:
    from vmprof.report.render.inside import text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if operator is None:
        return text.overview(everything, width=width, colour=colour)
    return text.operator_text(everything, operator, by, width=width, colour=colour)
