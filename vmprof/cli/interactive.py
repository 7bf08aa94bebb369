"""``vmprof show --interactive``: what the files hold, in the viewer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from vmprof.cli import delivery
from vmprof.cli.recorded import RecordingView
from vmprof.cli.show import check_is_recording, saved_reports
from vmprof.compare.readers import STANDARD_INPUT, titles_of
from vmprof.compare.study.folder import is_study
from vmprof.errors import VmprofError
from vmprof.recording.recognized import holds_recording
from vmprof.viewer.functions import sheets_of
from vmprof.viewer.sheet import ReportSheet, Sheet

_PRINTS = (*delivery.FORMS, "baseline", "open", "why", "plain", "provenance")


def execute(options: argparse.Namespace) -> None:
    for name in _PRINTS:
        if getattr(options, name):
            raise VmprofError(f"--{name} does not go with --interactive, which writes nothing")
    if STANDARD_INPUT in options.files:
        raise VmprofError("--interactive has standard input for its keys; name a file")
    if not _has_terminal():
        raise VmprofError("--interactive needs a terminal; without it the report is printed")
    try:
        from vmprof.viewer.app import Viewer
    except ImportError as error:
        raise VmprofError(
            "--interactive needs textual: pip install 'tvm-vmprof[interactive]'"
        ) from error
    Viewer(sheets(options)).run()


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def sheets(options: argparse.Namespace) -> Sequence[Sheet]:
    """What there is to look at: a sheet for each report that is named, functions before them."""
    view, layered = delivery.view_of(options), delivery.layered(options)
    files: list[str] = options.files
    if len(files) == 1 and holds_recording(files[0]):
        from vmprof.recording.saved import load

        recorded = RecordingView.from_options(options)
        recording = load(files[0])
        if options.report is None:
            return sheets_of(recording, view, recorded.by, metrics=recorded.metrics)
        report, _ = recorded.report(recording, options.report)
        return [ReportSheet.of(options.report, report, view)]
    check_is_recording(options)
    if any(map(is_study, files)):
        from vmprof.compare.study import Study

        study = Study(files[0])
        if len(files) > 1 or options.report is None:
            raise VmprofError("--interactive is of one report of a study; name the host: --report")
        host = study.find(options.report)
        return [ReportSheet.of(host, layered(study[host]), view)]
    saved = saved_reports(options)
    return [
        ReportSheet.of(title, layered(each.report), view)
        for title, each in zip(titles_of(saved), saved, strict=True)
    ]
