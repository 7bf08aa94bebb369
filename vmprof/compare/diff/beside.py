"""The page of several reports, with what became of each operator since the first of them."""

from __future__ import annotations

from collections.abc import Mapping

from vmprof.compare.diff.change import Change, Sureness
from vmprof.compare.diff.diff import TIME, diff_reports
from vmprof.report.model import Report
from vmprof.report.render.figures import short_time
from vmprof.report.render.html import Cell, Changes, render_several

_SAID = {
    Sureness.REAL: "more than chance",
    Sureness.CHANCE: "within chance",
    Sureness.UNDECIDED: "more than chance or not: repeats or starts are too few to tell",
}


def page(reports: Mapping[str, Report]) -> str:
    """The page of ``reports`` by title; those of the first one's model have changes since it."""
    (first, before), *others = reports.items()
    model = before.configuration.get("Model")
    changes = {
        title: changes_since(before, first, after)
        for title, after in others
        if model is not None and after.configuration.get("Model") == model
    }
    return render_several(reports, changes=changes)


def changes_since(before: Report, label: str, after: Report) -> Changes:
    """What became of the time of each operator of ``after``; ``label`` is that of ``before``."""
    diff = diff_reports(before, after)
    cells = {
        (operator.name, operator.shapes): _cell(operator.changes[TIME])
        for operator in diff.operators
        if TIME in operator.changes and operator.count_after is not None
    }
    return Changes(label, cells)


def _cell(change: Change) -> Cell:
    percent = change.percent
    if change.before is None:
        return Cell("new", "", "not in the report before", "", "unsure")
    if percent is None:
        return Cell("", "", "", "")
    exact = f"from {short_time(change.before)}; {_SAID[change.sureness]}"
    if change.sureness is not Sureness.REAL:
        return Cell(f"{percent:+.1f} % {change.sureness.value}", "", exact, percent, "unsure")
    return Cell(f"{percent:+.1f} %", "", exact, percent, "slower" if percent > 0 else "faster")
