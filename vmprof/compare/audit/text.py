"""An audit as text: findings, method, and the corrected table beside the original."""

from __future__ import annotations

from collections.abc import Sequence

from vmprof.compare.audit.audit import Audit
from vmprof.compare.audit.corrected import Corrected, corrected_cell, corrected_sum
from vmprof.compare.audit.cost import Cost
from vmprof.compare.audit.disturbance import slowdown
from vmprof.compare.parts import Heading, Part, Table
from vmprof.compare.rows import microseconds
from vmprof.report.aggregate import sum_columns
from vmprof.report.render.table import format_metric
from vmprof.report.totals import in_no_row, longest_total, of_device
from vmprof.values import Duration, Row

METHOD = """\
The cost of measuring is fitted as counter = rate x time + cost x count: the rate
is the slope of the line with the least absolute deviations over all rows, each
weighted by 1 / (1 us + its time per call); the cost is the median of what rows of
at most 1 us per call count beyond that rate, or the line's intercept if there are
fewer than three such rows. ± is one standard deviation from row to row (1.4826 x
the median absolute deviation). A cost is hidden if it exceeds three of those and
makes up four fifths of what near-empty rows count, and the report does not declare
it (Empty call: what that counts beyond its time), or at least half of it. What is
declared is taken off, too. Durations are not corrected.
"""


def parts_of(audit: Audit, title: str, *, top: int | None = None) -> list[Part]:
    """Findings and the ``top`` longest rows of the corrected table; ``title`` names the report."""
    parts: list[Part] = [Heading(_heading(audit, title)), _findings(audit)]
    corrected = [cost for cost in audit.costs.values() if cost.correction]
    if corrected:
        parts.append(_table(audit.rows, corrected, top))
    return parts


def summary(audits: Sequence[tuple[str, Audit]]) -> tuple[list[str], list[list[str]]]:
    """Header and a row for each audit, under the title that comes with it."""
    events = dict.fromkeys(
        event for _, audit in audits for event, cost in audit.costs.items() if cost.is_hidden
    )
    header = [
        "Report",
        "Calls",
        "Slowdown",
        "In no row",
        *(f"{event} per call" for event in events),
    ]
    return [*header, "Checks failed"], [
        [
            title,
            format_metric(sum_columns(audit.rows).get("Count")),
            f"{slow.factor:.2f}" if (slow := slowdown(audit.report)) else "",
            _in_no_row(audit),
            *(_fitted(audit.costs.get(event)) for event in events),
            f"{len(audit.failed)} of {len(audit.findings)}",
        ]
        for title, audit in audits
    ]


def _heading(audit: Audit, title: str) -> str:
    failed, checks = len(audit.failed), len(audit.findings)
    line = f"{title}: {audit.verdict}, {failed} of {checks} checks fail"
    if audit.undecided:
        line += f", {len(audit.undecided)} cannot tell"
    return line


def _findings(audit: Audit) -> Table:
    return Table(
        ["", "Check", "Found"],
        [[f.verdict.value, f.subject, f.text] for f in audit.findings],
        text_columns=3,
        wrapped=(1, 2),
    )


def _table(rows: Sequence[Row], costs: Sequence[Cost], top: int | None) -> Table:
    ordered = sorted(rows, key=microseconds, reverse=True)[:top]
    left_out = len(rows) - len(ordered)
    header = ["Name", "Argument Shapes", "Duration (us)", "Count"]
    for cost in costs:
        header += [cost.event, "corrected", "±"]
    lines = [
        [
            *(format_metric(row.get(name)) for name in header[:4]),
            *(text for cost in costs for text in _cells(row, cost)),
        ]
        for row in ordered
    ]
    sums = sum_columns(rows)
    total = ["Sum", "", *(format_metric(sums.get(name)) for name in header[2:4])]
    for cost in costs:
        total += [format_metric(sums.get(cost.event)), *_numbers(corrected_sum(rows, cost))]
    return Table(
        header,
        [*lines, total],
        text_columns=2,
        names=0,
        yielding=[[3], [1], *([i, i + 1, i + 2] for i in range(7, len(header), 3))],
        note=f"{left_out:,} more operators are not shown (--top)" if left_out else "",
    )


def _cells(row: Row, cost: Cost) -> list[str]:
    cell = corrected_cell(row, cost)
    return [format_metric(row.get(cost.event)), *(_numbers(cell) if cell else ["", ""])]


def _numbers(cell: Corrected) -> list[str]:
    return [f"{cell.value:,.0f}", f"{cell.uncertainty:,.0f}"]


def _fitted(cost: Cost | None) -> str:
    return f"{cost.per_call:,.0f} ± {cost.spread:,.0f}" if cost and cost.is_hidden else ""


def _in_no_row(audit: Audit) -> str:
    report, whole = audit.report, longest_total(audit.report)
    if not isinstance(sum_columns(audit.rows).get("Duration (us)"), Duration):
        return ""
    return ", ".join(
        of_device(report, f"{100 * left / whole:.1f} %", device, " of ")
        for device, left in in_no_row(report).items()
    )
