"""Show a saved report: in the terminal, as a page, as a trace.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, or a log with
any number of tables; or what vmprof record saved, of which page and trace show
all functions; - is standard input.

Examples:
  vmprof show report.json --top 10 --sort cycles
  kubectl logs pod-1 | vmprof show -
  vmprof show report.json --columns duration,cycles,ipc
  vmprof show report.json --html report.html --open
  vmprof show run.vmprof --html run.html --trace run.trace.json

"""

from __future__ import annotations

import argparse
from functools import partial

from vmprof.cli import delivery
from vmprof.cli.recorded import forms
from vmprof.compare.readers import read_reports, reports_of
from vmprof.recording.recognized import holds_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved report, or -")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the file has reports of several"
    )
    delivery.add_arguments(parser)


def execute(options: argparse.Namespace) -> None:
    target = delivery.Delivery(options)
    if options.report is None and holds_recording(options.file):
        from vmprof.recording import text
        from vmprof.recording.saved import load

        by = "shape" if options.by == "shape" else "operator"
        recording = load(options.file)
        shown = partial(text.render, recording, by=by, table=target.text)
        target.deliver_forms(forms(recording, by), shown)
        return
    reports = read_reports(options.file)
    if options.report is not None:
        reports = reports_of(options.report, reports)
    target.deliver([saved.report for saved in reports])
