"""Writes the tables of validation.md anew, from saved reports.

    python docs/scripts/make_validation.py            rewrite what has changed
    python docs/scripts/make_validation.py --check    say whether something would change

A table stands between two lines ``<!-- NAME -->`` and ``<!-- end -->``; NAME is
a function of this module. What they are made of is in tests/data, docs/data/reports,
docs/data/validations and docs/data/agreement.json; what is in docs is measured on a machine that
does nothing else:

    vmprof run mlp --json docs/data/reports/mlp.json --force
    vmprof validate mlp.so --json docs/data/validations/mlp.json --force
    vmprof validate resnet18 --json docs/data/validations/resnet18.json --force
    python benchmarks/agreement.py --json docs/data/agreement.json

mlp.so has the kernels that TVM's default pipeline makes, of single operators, as in
TVM 0.23's report:

    tvm.compile(vmprof.zoo.models.mlp(), "llvm").export_library("mlp.so")
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from pages import DOCS, rewrite, with_parts

from vmprof.compare.audit import audit_report, between_rows
from vmprof.compare.audit.corrected import corrected_cell, corrected_sum
from vmprof.compare.audit.text import summary
from vmprof.compare.diff import TIME, diff_reports
from vmprof.compare.diff.text import describe_change
from vmprof.compare.grid import markdown
from vmprof.compare.readers import read_reports, reports_of
from vmprof.compare.rows import microseconds
from vmprof.compare.validate import Agreement, compare_engines
from vmprof.compare.validate.text import costs, described_cell
from vmprof.report.aggregate import sum_columns
from vmprof.report.render.json import parse
from vmprof.report.render.table import format_metric
from vmprof.values import Duration

PAGE = DOCS / "explanation/validation.md"
DATA = DOCS.parent / "tests" / "data"
RELAY = DATA / "tvm-relay-vm-papi-reports.txt"
TVM_MLP = DATA / "tvm-0.23-mlp"
OWN = DOCS / "data/reports"
# What vmprof validate MODEL --json wrote.
VALIDATIONS = DOCS / "data/validations"
# What benchmarks/agreement.py --json wrote.
AGREEMENT = DOCS / "data/agreement.json"

CYCLES, INSTRUCTIONS = "perf::CYCLES", "perf::INSTRUCTIONS"


def what_each_format_holds() -> str:
    """The same run of TVM 0.23, three times."""
    lines = []
    for name in ("report.json", "report.csv", "table.txt"):
        (saved,) = read_reports(TVM_MLP / name)
        report = saved.report
        longest = max(report.calls, key=microseconds)
        time = longest["Duration (us)"]
        lines.append(
            [
                f"`{name}`",
                str(len(report.calls)),
                f"{time.microseconds:g}" if isinstance(time, Duration) else "",
                "yes" if report.device_metrics else "no",
                "yes" if report.configuration else "no",
                str(longest["Name"]),
            ]
        )
    header = ["File", "Rows", "Its duration (us)", "Total", "Configuration", "Longest row"]
    return markdown(header, lines)


def audit_of_the_eleven() -> str:
    audits = [
        (str(saved.model), audit_report(saved.report, saved.printed_sum))
        for saved in read_reports(RELAY)
    ]
    return markdown(*summary(audits))


def two_ways_to_the_cost() -> str:
    """Near-empty rows, all rows, and what was counted between the rows."""
    lines = []
    for saved in read_reports(RELAY):
        audit = audit_report(saved.report)
        cells = [str(saved.model)]
        for event in (CYCLES, INSTRUCTIONS):
            cost, between = audit.costs[event], between_rows(event, saved.report)
            cells += [f"{cost.per_call:,.0f}", f"{cost.over_all:,.0f}"]
            cells.append("" if between is None else f"{between:,.0f}")
        lines.append(cells)
    header = ["Report"]
    for what in ("Cycles", "Instructions"):
        header += [f"{what}: near-empty rows", "line over all rows", "between rows"]
    return markdown(header, lines)


def corrected_mlp() -> str:
    (saved,) = reports_of("mlp", read_reports(RELAY))
    audit = audit_report(saved.report)
    costs = [audit.costs[event] for event in (CYCLES, INSTRUCTIONS)]
    lines = []
    for row in audit.rows:
        cells = [f"`{row['Name']}`", format_metric(row[TIME]), format_metric(row["Count"])]
        for cost in costs:
            cell = corrected_cell(row, cost)
            if cell is not None:
                cells += [format_metric(row[cost.event]), _plus_minus(cell.value, cell.uncertainty)]
        lines.append(cells)
    sums = sum_columns(audit.rows)
    cells = ["Sum", format_metric(sums[TIME]), format_metric(sums["Count"])]
    for cost in costs:
        whole = corrected_sum(audit.rows, cost)
        cells += [format_metric(sums[cost.event]), _plus_minus(whole.value, whole.uncertainty)]
    header = ["Name", "Duration (us)", "Count", CYCLES, "corrected", INSTRUCTIONS, "corrected"]
    return markdown(header, [*lines, cells])


def own_reports() -> str:
    """Each counter of our saved reports: what the fit finds and what the report declares."""
    lines = []
    for path in sorted(OWN.glob("mlp*.json")):
        (saved,) = read_reports(path)
        audit = audit_report(saved.report)
        for event, cost in audit.costs.items():
            if not cost.rate and not cost.per_call:
                continue
            lines.append(
                [
                    f"`{path.name}`",
                    f"`{event}`",
                    "" if cost.declared is None else f"{cost.declared:,.0f}",
                    f"{cost.declared_cost:,.0f}",
                    _plus_minus(cost.per_call, cost.spread),
                    f"{cost.rate:,.0f}",
                    f"{len(audit.failed)} of {len(audit.findings)}",
                ]
            )
    header = [
        "Report",
        "Counter",
        "Declared",
        "beyond its time",
        "Fitted",
        "Rate per us",
        "Checks failed",
    ]
    return markdown(header, lines, text_columns=2)


def diff_of_two_models() -> str:
    """The longest operators of squeezenet 1.0 and 1.1, as ``vmprof diff`` matches them."""
    reports = read_reports(RELAY)
    (old,), (new,) = reports_of("squeezenet1.0", reports), reports_of("squeezenet1.1", reports)
    diff = diff_reports(old.report, new.report)
    lines = []
    for operator in diff.operators[:8]:
        change = operator.changes[TIME]
        lines.append(
            [
                f"`{operator.name.removeprefix('vm_mod_fused_')}`",
                operator.matched_by.name.lower() if operator.matched_by else "",
                f"{change.before:,.2f}" if change.before is not None else "",
                f"{change.after:,.2f}" if change.after is not None else "",
                describe_change(change),
            ]
        )
    header = ["Operator", "Matched by", "1.0 (us)", "1.1 (us)", "Change"]
    return markdown(header, lines, text_columns=2)


def three_profilers_of_the_mlp() -> str:
    """TVM 0.23's profiler and both engines."""
    (saved,) = read_reports(TVM_MLP / "report.json")
    old = {str(call["Name"]): call[TIME] for call in saved.report.calls}
    lines = []
    for operator in _validated("mlp").operators:
        time = old.get(operator.name)
        lines.append(
            [
                f"`{operator.name}`",
                f"{operator.count}",
                f"{time.microseconds:,.2f}" if isinstance(time, Duration) else "",
                *described_cell(TIME, operator.cells[TIME]),
            ]
        )
    header = ["Operator", "Count", "TVM 0.23 (us)", "vmprof (us)", "tvm (us)", "tvm to vmprof"]
    return markdown(header, lines)


def engines_on_resnet18() -> str:
    """The longest operators: time, and the time in which the thread had a processor."""
    clock = "perf::TASK-CLOCK"
    lines = [
        [
            f"`{operator.name}`",
            f"{operator.count}",
            *described_cell(TIME, operator.cells[TIME]),
            *described_cell(clock, operator.cells[clock]),
        ]
        for operator in _validated("resnet18").operators[:16]
    ]
    header = ["Operator", "Count", "vmprof (us)", "tvm (us)", "", f"vmprof `{clock}`", "tvm", ""]
    return markdown(header, lines)


def cost_of_the_engines() -> str:
    """What either engine costs, model by model."""
    lines = []
    for path in sorted(VALIDATIONS.glob("*.json")):
        header, rows = costs(_validated(path.stem))
        lines += [[path.stem, *row] for row in rows]
    return markdown(["Model", *header], lines, text_columns=2)


def unprofiled_means() -> str:
    """Each engine's unprofiled mean beside what TVM's evaluator says, model by model."""
    models = json.loads(AGREEMENT.read_text(encoding="utf-8"))
    header = ["Model", "Rounds", "time_evaluator (us)"]
    for engine in models[0]["engines"]:
        header += [f"{engine} (us)", "ratio", "quartiles"]
    lines = []
    for found in models:
        cells = [found["model"], f"{found['rounds']}", f"{found['time_evaluator_us']:,.2f}"]
        for of in found["engines"].values():
            low, high = of["quartiles"]
            cells += [
                f"{of['unprofiled_us']:,.2f}",
                f"{of['ratio']:.3f}",
                f"{low:.3f} to {high:.3f}",
            ]
        lines.append(cells)
    return markdown(header, lines)


def _validated(model: str) -> Agreement:
    document = json.loads((VALIDATIONS / f"{model}.json").read_text(encoding="utf-8"))
    reports = {name: parse(json.dumps(report)) for name, report in document["reports"].items()}
    return compare_engines(reports, document["tolerance_percent"])


def _plus_minus(value: float, uncertainty: float) -> str:
    return f"{value:,.0f} ± {uncertainty:,.0f}"


TABLES: dict[str, Callable[[], str]] = {
    table.__name__: table
    for table in (
        what_each_format_holds,
        audit_of_the_eleven,
        two_ways_to_the_cost,
        corrected_mlp,
        own_reports,
        diff_of_two_models,
        three_profilers_of_the_mlp,
        engines_on_resnet18,
        cost_of_the_engines,
        unprofiled_means,
    )
}


def renew(page: str) -> str:
    """``page`` with its tables made anew."""
    return with_parts(page, TABLES)


if __name__ == "__main__":
    sys.exit(rewrite([PAGE], renew))
