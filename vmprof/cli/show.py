"""Show saved reports: in the terminal, as a page, as a trace.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, a log with any
number of tables, or a page of vmprof's, which holds the report that it shows; or
what vmprof record saved, of which page and trace show all functions; or the
folder of a study, which vmprof fleet wrote; - is standard input. The page of
several reports shows them side by side, and each.

Examples:
  vmprof show report.json --top 10 --sort cycles
  kubectl logs pod-1 | vmprof show -
  vmprof show report.json --columns duration,cycles,ipc
  vmprof show report.json --why conv2d
  vmprof show run.vmprof --report decode --why matmul --json -
  vmprof show report.json --interactive
  vmprof show report.json --html report.html --open
  vmprof show report.html
  vmprof show before.json after.json --html both.html
  vmprof show run.vmprof --html run.html --trace run.trace.json
  vmprof show study --report board-7
  vmprof show run.vmprof --report decode --metrics --trace decode.trace.json

"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial

from vmprof.cli import delivery, why
from vmprof.cli.recorded import ABOUT_METRICS, BY, RecordingView
from vmprof.compare.readers import (
    STANDARD_INPUT,
    SavedReport,
    read_reports,
    reports_of,
    titles_of,
)
from vmprof.compare.study.folder import is_study
from vmprof.errors import VmprofError
from vmprof.recording.recognized import holds_recording
from vmprof.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="a saved report, or -")
    parser.add_argument(
        "--report",
        metavar="NAME",
        help="the model, or the function of a recording, if the file has reports of several",
    )
    parser.add_argument(
        "--why",
        metavar="NAME",
        help="what bounds the operators of that name, or with that in their name, and the figures "
        "that say so; '*' is all of them; --json FILE has the same as data",
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="go about in it: sort, filter, open an operator, its calls, its inside; needs a "
        "terminal, and textual",
    )
    delivery.add_arguments(parser, more_by=BY[1:])
    parser.add_argument("--metrics", action="store_true", help=f"of a recording, {ABOUT_METRICS}")


def execute(options: argparse.Namespace) -> None:
    if options.interactive:
        from vmprof.cli import interactive

        interactive.execute(options)
        return
    target = delivery.Delivery(options)
    files: list[str] = options.files
    if files.count(STANDARD_INPUT) > 1:
        raise VmprofError("standard input can be read once: name - once")
    if any(map(is_study, files)):
        _show_study(files, options, target)
        return
    if len(files) == 1 and holds_recording(files[0]):
        _show_recording(files[0], options, target)
        return
    check_is_recording(options)
    reports = saved_reports(options)
    if options.why is not None:
        titles = titles_of(reports)
        of_titles = {title: saved.report for title, saved in zip(titles, reports, strict=True)}
        _tell_why(options.why, of_titles, target)
        return
    target.deliver([saved.report for saved in reports], titles=titles_of(reports))


def check_is_recording(options: argparse.Namespace) -> None:
    """Refuse options that recordings alone have, of files that are none."""
    for option, asked in (
        ("--metrics", options.metrics),
        (f"--by {options.by}", options.by in BY[1:]),
    ):
        if asked:
            files = ", ".join(options.files)
            raise VmprofError(f"{option} is of one file that vmprof record saved; {files} is none")


def saved_reports(options: argparse.Namespace) -> list[SavedReport]:
    """What the files hold, or of it what ``--report`` names."""
    reports = [saved for file in options.files for saved in read_reports(file)]
    return reports if options.report is None else reports_of(options.report, reports)


def _show_study(files: list[str], options: argparse.Namespace, target: delivery.Delivery) -> None:
    from vmprof.cli.shown import as_text
    from vmprof.compare.study import Study
    from vmprof.compare.study.text import TOP, parts_of

    if len(files) > 1:
        raise VmprofError(f"a study is shown alone; name {' or '.join(files)}")
    of_one = {"--why": options.why, "--sort": options.sort, "--columns": options.columns}
    for option, value in of_one.items():
        if value is not None and options.report is None:
            raise VmprofError(f"{option} is of one report; name the host: --report")
    study = Study(files[0])
    if options.report is None:
        target.deliver_forms(
            {"json": study.json, "html": partial(study.html, target.place_of_page)},
            lambda: as_text(parts_of(study, top=options.top or TOP), plain=options.plain),
        )
        return
    report = study[study.find(options.report)]
    if options.why is not None:
        _tell_why(options.why, {options.report: report}, target)
        return
    target.deliver([report])


def _show_recording(file: str, options: argparse.Namespace, target: delivery.Delivery) -> None:
    from vmprof.recording.saved import load

    view = RecordingView.from_options(options)
    recording = load(file)
    if options.why is not None:
        _tell_why(options.why, view.measured(recording, options.report), target)
        return
    if options.report is None:
        target.deliver_forms(
            view.forms(recording),
            lambda: (
                view.text(recording, target.text, target.width)
                + target.provenance(recording.provenance)
            ),
        )
        return
    report, of_calls = view.report(recording, options.report)
    target.deliver([report], of_calls)


def _tell_why(pattern: str, reports: Mapping[str, Report], target: delivery.Delivery) -> None:
    """What bounds the operators that ``pattern`` means, where ``target`` puts it."""
    found = why.cases(reports, pattern)
    target.deliver_forms(
        {"json": lambda: why.json(found)},
        lambda: why.text(found, target.width),
        refusal="does not go with --why, which prints, or writes --json FILE",
    )
