"""Show a saved report: in the terminal, as a page, as a trace.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, or a log with
any number of tables; or what vmprof record saved; - is standard input.

Examples:
  vmprof show report.json --top 10 --sort cycles
  kubectl logs pod-1 | vmprof show -
  vmprof show report.json --columns duration,cycles,ipc
  vmprof show report.json --html report.html --open

"""

from __future__ import annotations

import argparse

from vmprof.cli import delivery
from vmprof.cli.output import print_out
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
    if options.report is None and not target.has_files and holds_recording(options.file):
        from vmprof.recording import text
        from vmprof.recording.saved import load

        by = "shape" if options.by == "shape" else "operator"
        print_out(text.render(load(options.file), by=by, table=target.text))
        return
    reports = read_reports(options.file)
    if options.report is not None:
        reports = reports_of(options.report, reports)
    target.deliver([saved.report for saved in reports])
