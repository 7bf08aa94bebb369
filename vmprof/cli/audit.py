"""Ask of a saved report whether it can be believed.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, or a log with
any number of tables; - is standard input. The checks are of its arithmetic, of
counts that no machine can have, of what the measuring itself cost, and of how much
it slowed the run. Rows less that cost stand beside the original ones. What repeats
show to be within noise is no fault: the check cannot tell. The exit code is 3 if a
report cannot be believed, 4 if none is wrong but one is too noisy to be believed.

Examples:
  vmprof audit report.json
  vmprof audit tvm.log --report resnet18 --corrected corrected.json

"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from vmprof.cli.exit_codes import CANNOT_TELL, SAYS_NO
from vmprof.cli.numbers import positive
from vmprof.cli.results import ABOUT_FILES, Results
from vmprof.cli.shown import ABOUT_PLAIN, as_text
from vmprof.compare.audit import Audit, audit_report, corrected_report
from vmprof.compare.audit.data import to_json
from vmprof.compare.audit.text import METHOD, parts_of, summary
from vmprof.compare.page import page
from vmprof.compare.parts import Part, Prose, Table
from vmprof.compare.readers import read_reports, reports_of
from vmprof.errors import VmprofError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved report, or -")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the file has reports of several"
    )
    what = parser.add_argument_group("what is shown")
    what.add_argument("--top", type=positive, metavar="N", help="the N longest rows alone")
    what.add_argument("--plain", action="store_true", help=ABOUT_PLAIN)
    where = parser.add_argument_group("where the results go, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write findings and costs as JSON")
    where.add_argument("--html", metavar="FILE", help="write a page to look at in a browser")
    where.add_argument(
        "--corrected", metavar="FILE", help="write the corrected report as TVM's report JSON"
    )
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> int:
    results = Results(options, ("json", "html", "corrected"))
    reports = read_reports(options.file)
    if options.report is not None:
        reports = reports_of(options.report, reports)
    if "corrected" in results.files and len(reports) > 1:
        raise VmprofError(
            f"{options.file} holds {len(reports)} reports; --corrected needs one: --report NAME"
        )
    audits = [
        (saved.model or saved.where, audit_report(saved.report, saved.printed_sum))
        for saved in reports
    ]
    results.deliver(
        {
            "json": partial(to_json, audits),
            "html": lambda: page(_parts(audits), "Audit"),
            "corrected": partial(_corrected, audits[0][1]),
        },
        lambda: as_text(_parts(audits, options.top), plain=options.plain),
    )
    if any(audit.failed for _, audit in audits):
        return SAYS_NO
    return CANNOT_TELL if any(audit.is_too_noisy for _, audit in audits) else 0


def _corrected(audit: Audit) -> str:
    return corrected_report(audit.report, audit.rows, audit.costs).json()


def _parts(audits: Sequence[tuple[str, Audit]], top: int | None = None) -> list[Part]:
    shown = [part for title, audit in audits for part in parts_of(audit, title, top=top)]
    if any(audit.costs for _, audit in audits):
        shown.append(Prose(METHOD, is_note=True))
    if len(audits) > 1:
        header, rows = summary(audits)
        yielding = [[1], [2], [3], *([i] for i in range(4, len(header) - 1))]
        shown.append(Table(header, rows, names=0, yielding=yielding))
    return shown
