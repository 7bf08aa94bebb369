"""The page of one report, and what a page shows of each report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmprof.report.facts import Fact, facts, title_of
from vmprof.report.kinds import kinds
from vmprof.report.model import Report
from vmprof.report.render.html import frame
from vmprof.report.render.html.memory import Lane
from vmprof.report.render.html.operators import OperatorTable
from vmprof.report.render.html.roofline import Chart
from vmprof.report.render.html.sections import Bar, Shares, counter_shares, kind_bars, settings
from vmprof.report.render.html.timeline import timeline_data
from vmprof.report.render.names import shortened
from vmprof.report.roofline import roofline
from vmprof.uncollected import uncollected
from vmprof.values import LAYER, Derived

_NAME = 44  # characters of a name in a notebook's cell; all of it shows when it is pointed at

# Kinds of operators with a colour of their own; the others share one.
COLOURS = 8


@dataclass(frozen=True)
class Sections:
    """What ``sections.html`` shows of a report; ``data`` is for the scripts."""

    facts: Sequence[Fact]
    missing: Mapping[str, str]
    bars: Sequence[Bar]
    operators: OperatorTable
    shares: Shares
    chart: Chart | None
    lane: Lane | None
    settings: Sequence[tuple[str, str]]
    derived: Sequence[Derived]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, report: Report) -> Sections:
        colours = _colours(report)
        operators = OperatorTable.of(report, colours)
        return cls(
            facts(report),
            report.missing,
            kind_bars(report, colours),
            operators,
            counter_shares(report),
            Chart.of(roofline(report), colours),
            Lane.of(report),
            settings(report),
            report.derived,
            timeline_data(report, operators),
        )

    @property
    def has_timeline(self) -> bool:
        return bool(self.data["calls"]["row"])


@uncollected()
def render(report: Report) -> str:
    """The whole page."""
    view = Sections.of(report)
    scripts = (*frame.SCRIPTS, "page.js")
    return frame.page("page.html", view.data, scripts=scripts, title=title_of(report), view=view)


def fragment(report: Report, rows: int = 20) -> str:
    """The longest ``rows`` operators as a table for a notebook's cell."""
    operators = OperatorTable.of(report, _colours(report))
    shown = operators.rows[:rows]
    texts: dict[str, Sequence[str]] = {}
    for number, column in enumerate(operators.columns):
        cells = [row.cells[number] for row in shown]
        texts[column.title] = [f"{cell.text} {cell.unit}".rstrip() for cell in cells]
        if column.title in ("Name", LAYER):
            texts[column.title] = shortened(texts[column.title], _NAME)
    return frame.rendered(
        "fragment.html",
        title=title_of(report),
        facts=facts(report),
        operators=operators,
        rows=shown,
        texts=texts,
        missing=report.missing,
    )


def _colours(report: Report) -> dict[str, int]:
    """A number for each of the kinds that take longest."""
    longest = kinds(report.calls)[:COLOURS]
    return {kind.name: number for number, kind in enumerate(longest)}
