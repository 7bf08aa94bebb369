"""Ask of a saved report whether it can be believed.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, or a log with
any number of tables; - is standard input. The checks are of its arithmetic, of
counts that no machine can have, of what the measuring itself cost, and of how much
it slowed the run. Rows less that cost stand beside the original ones. What repeats
show to be within noise is no fault: the check cannot tell. The exit code is 3 if a
report cannot be believed.

Examples:
  vmprof audit report.json
  vmprof audit tvm.log --report resnet18 --corrected corrected.json

"""

from __future__ import annotations

import argparse

from vmprof.cli.exit_codes import SAYS_NO
from vmprof.cli.output import OutputFile, check_distinct
from vmprof.compare.audit import audit_report, corrected_report
from vmprof.compare.audit.data import to_json
from vmprof.compare.audit.text import METHOD, render, summary
from vmprof.compare.grid import grid
from vmprof.compare.readers import read_reports, reports_of
from vmprof.errors import VmprofError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved report, or -")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the file has reports of several"
    )
    where = parser.add_argument_group("where the results go, besides the terminal")
    where.add_argument("--json", metavar="FILE", help="write findings and costs as JSON")
    where.add_argument(
        "--corrected", metavar="FILE", help="write the corrected report as TVM's report JSON"
    )
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> int:
    outputs = {
        form: OutputFile(path, force=options.force)
        for form in ("json", "corrected")
        if (path := getattr(options, form)) is not None
    }
    check_distinct(outputs.values())
    reports = read_reports(options.file)
    if options.report is not None:
        reports = reports_of(options.report, reports)
    if "corrected" in outputs and len(reports) > 1:
        raise VmprofError(
            f"{options.file} holds {len(reports)} reports; --corrected needs one: --report NAME"
        )
    audits = [
        (saved.model or saved.where, audit_report(saved.report, saved.printed_sum))
        for saved in reports
    ]
    if "json" in outputs:
        outputs["json"].write(to_json(audits))
    if "corrected" in outputs:
        audit = audits[0][1]
        outputs["corrected"].write(corrected_report(audit.report, audit.rows, audit.costs).json())
    shown = [render(audit, title) for title, audit in audits]
    if any(audit.costs for _, audit in audits):
        shown.append(METHOD)
    if len(audits) > 1:
        shown.append(grid(*summary(audits)))
    print("\n".join(shown), end="")
    return 0 if all(audit.is_believable for _, audit in audits) else SAYS_NO
