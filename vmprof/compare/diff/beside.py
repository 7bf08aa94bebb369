"""What became of each row of a report since another one, as pages of reports show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmprof.compare.diff.change import Change, Sureness
from vmprof.compare.diff.diff import Diff, Operator, diff_reports
from vmprof.compare.diff.side import TIME
from vmprof.compare.diff.text import describe_change
from vmprof.report.model import Report
from vmprof.report.render.html import Cell, Changes, render_several

_MEANS = {
    Sureness.REAL: "more than chance",
    Sureness.CHANCE: "within chance",
    Sureness.UNDECIDED: "not told from chance",
}


def page(reports: Mapping[str, Report]) -> str:
    """The page of ``reports`` by title; those of the first one's model have changes since it."""
    (first, before), *others = reports.items()
    model = before.configuration.get("Model")
    changes = {
        title: changes_since([before], after, first)
        for title, after in others
        if model is not None and after.configuration.get("Model") == model
    }
    return render_several(reports, changes=changes)


def changes_since(baseline: Sequence[Report], report: Report, title: str) -> Changes:
    """The changes of time from ``baseline``, which is called ``title``, to ``report``."""
    diff = diff_reports(baseline, report)
    return Changes(title, {(o.name, o.shapes): _cell(o.changes[TIME]) for o in _compared(diff)})


def _compared(diff: Diff) -> Sequence[Operator]:
    return [
        operator
        for operator in diff.operators
        if TIME in operator.changes and operator.count_after is not None
    ]


def _cell(change: Change) -> Cell:
    text, _, _ = describe_change(change).partition(" %")
    if change.before is None or change.percent is None:
        return Cell(text.removesuffix(" ?"), "", text, 0.0)
    exact = f"before {change.before:,.2f} us; {_MEANS[change.sureness]}"
    mark = "unsure"
    if change.sureness is Sureness.REAL:
        mark = "slower" if change.percent > 0 else "faster"
    return Cell(text, "%" if text != "=" else "", exact, change.percent, mark)
