"""Show a saved report: in the terminal, as a page, as a trace.

FILE is a report of vmprof's or of TVM's own profiler.

Examples:
  vmprof show report.json --top 10 --sort cycles
  vmprof show report.json --columns duration,cycles,ipc
  vmprof show report.json --html report.html --open

"""

from __future__ import annotations

import argparse
from pathlib import Path

from vmprof.cli import delivery
from vmprof.errors import VmprofError
from vmprof.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved report")
    delivery.add_arguments(parser)


def execute(options: argparse.Namespace) -> None:
    target = delivery.Delivery(options)
    try:
        text = Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VmprofError(f"{options.file} cannot be read: {error}") from error
    target.deliver([Report.from_json(text)])
