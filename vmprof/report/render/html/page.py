"""The page of one report, and what a page shows of each report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmprof.report.advice import Advice, advise, load_rules
from vmprof.report.facts import Fact, facts, title_of
from vmprof.report.kinds import kinds
from vmprof.report.model import Report
from vmprof.report.noise import Noise, noise_of
from vmprof.report.render.html import frame, memory
from vmprof.report.render.html.details import details_of
from vmprof.report.render.html.inside import Insides
from vmprof.report.render.html.memory import Lane
from vmprof.report.render.html.operators import Changes, OperatorTable
from vmprof.report.render.html.roofline import NARROW, WIDE, Chart
from vmprof.report.render.html.sections import Bar, Shares, counter_shares, kind_bars, lines_of
from vmprof.report.render.html.timeline import timeline_data
from vmprof.report.render.names import shortened
from vmprof.report.roofline import roofline
from vmprof.uncollected import uncollected
from vmprof.values import LAYER, Derived

_NAME = 44  # characters of a name in a notebook's cell; all of it shows when it is pointed at

# A mistake in a rule of the user's must not cost the page: it has those that vmprof brings.
_NOBODY: Mapping[str, str] = {"XDG_CONFIG_HOME": "/nonexistent"}
# Kinds of operators with a colour of their own; the others share one.
COLOURS = 8


@dataclass(frozen=True)
class Sections:
    """What ``sections.html`` shows of a report; ``data`` is for the scripts.

    Drawings are there twice, for a wide window and for a narrow one; there may be none.
    """

    facts: Sequence[Fact]
    noise: Noise | None
    advice: Sequence[Advice]
    missing: Mapping[str, str]
    bars: Sequence[Bar]
    operators: OperatorTable
    insides: Insides
    shares: Shares
    charts: Sequence[Chart]
    roofs_status: str
    lanes: Sequence[Lane]
    settings: Sequence[tuple[str, str]]
    provenance: Sequence[tuple[str, str]]
    derived: Sequence[Derived]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, report: Report, changes: Changes | None = None) -> Sections:
        colours = _colours(report)
        operators = OperatorTable.of(report, colours, changes)
        points = roofline(report)
        charts = (Chart.of(points, colours, operators.merged, size) for size in (WIDE, NARROW))
        insides = Insides.of(report)
        details = details_of(report, operators.merged, insides)
        lanes = (Lane.of(report, width) for width in (memory.WIDE, memory.NARROW))
        return cls(
            facts(report),
            noise_of(report),
            advise(report, load_rules(environment=_NOBODY)).given,
            report.missing,
            kind_bars(report, colours),
            operators,
            insides,
            counter_shares(report),
            [chart for chart in charts if chart is not None],
            points.status,
            [lane for lane in lanes if lane is not None],
            lines_of(report.configuration),
            lines_of(report.provenance),
            report.derived,
            {**timeline_data(report, operators), "details": details},
        )

    @property
    def has_timeline(self) -> bool:
        return bool(self.data["calls"]["row"])


@uncollected()
def render(report: Report, changes: Changes | None = None) -> str:
    """The whole page; with ``changes`` it shows what became of each row since a baseline."""
    view = Sections.of(report, changes)
    title = title_of(report)
    return frame.page(
        "page.html",
        view.data,
        [(title, report)],
        scripts=(*frame.SCRIPTS, "page.js"),
        title=title,
        view=view,
    )


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
