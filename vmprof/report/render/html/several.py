"""The page of several reports: of engines, hosts, sizes; before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from vmprof.report.aggregate import merge_calls
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.render.figures import short, short_time, three_digits
from vmprof.report.render.html import frame
from vmprof.report.render.html.operators import NO_CELL, Cell, Changes
from vmprof.report.render.html.page import Sections
from vmprof.report.render.html.sections import lines_of
from vmprof.report.render.names import shortened
from vmprof.report.totals import in_no_row, longest_total
from vmprof.uncollected import uncollected
from vmprof.values import Duration

_MOST_OPERATORS = 100
_NAME_WIDTH = 44  # characters


@dataclass(frozen=True)
class _Line:
    """What the summary says of a report; ``share`` of the longest Total, 0 to 100."""

    title: str
    cells: Sequence[str]
    share: float


@dataclass(frozen=True)
class _Cell:
    """An operator's time in a report, and how many times that of the first.

    ``hint`` and ``mark`` are those of the change.
    """

    text: str
    times: str
    hint: str
    mark: str
    view: int
    row: int


@dataclass(frozen=True)
class _Operator:
    """An operator in all reports; None where it is not."""

    name: str
    short: str
    shapes: str
    cells: Sequence[_Cell | None]


@uncollected()
def render(
    reports: Mapping[str, Report],
    title: str = "",
    changes: Mapping[str, Changes] | None = None,
    *,
    template: str = "several.html",
    styles: Sequence[str] = (),
    package: str = frame.HERE,
    **context: Any,
) -> str:
    """The whole page of ``reports`` by what they are called; the first is what others are beside.

    ``changes`` since the first are by the same names, of those that have any: without them
    nobody knows what is more than chance, and nothing has a colour. A page that says more has a
    ``template`` of its ``package`` that extends this one's, ``styles`` and ``context`` for it.
    """
    found_changes = [(changes or {}).get(name) for name in reports]
    views = [
        Sections.of(report, since)
        for report, since in zip(reports.values(), found_changes, strict=True)
    ]
    parts = [
        # The template has escaped foreign text.
        (name, Markup(frame.rendered("view.html", title=name, view=view)))  # noqa: S704
        for name, view in zip(reports, views, strict=True)
    ]
    found = _operators(views, found_changes)
    return frame.page(
        template,
        [view.data for view in views],
        reports.items(),
        scripts=(*frame.SCRIPTS, "switch.js", "several.js"),
        styles=(*frame.STYLES, *styles),
        package=package,
        title=title or f"{len(reports)} reports",
        all="all reports",
        parts=parts,
        columns=_COLUMNS,
        lines=_lines(reports),
        differing=_differing([*reports.values()]),
        operators=found[:_MOST_OPERATORS],
        left_out=max(len(found) - _MOST_OPERATORS, 0),
        **context,
    )


def _lines(reports: Mapping[str, Report]) -> list[_Line]:
    longest = max(map(longest_total, reports.values())) or 1.0
    return [
        _Line(title, _figures(report), 100 * longest_total(report) / longest)
        for title, report in reports.items()
    ]


# What the cells of a line are.
_COLUMNS = ("Total", "Unprofiled", "In no row", "Operators", "Calls")


def _figures(report: Report) -> list[str]:
    unprofiled = report.configuration.get("Unprofiled mean (us)")
    return [
        short_time(longest_total(report)),
        short(unprofiled) if isinstance(unprofiled, Duration) else "",
        short_time(max(in_no_row(report).values(), default=0.0)),
        f"{len(merge_calls(report.calls)):,}",
        f"{len(report.calls):,}",
    ]


def _differing(reports: Sequence[Report]) -> list[tuple[str, list[str]]]:
    """What is not the same in all configurations and origins: its name, and what it is in each."""
    found = [dict(lines_of({**r.configuration, **r.provenance})) for r in reports]
    names = dict.fromkeys(name for settings in found for name in settings)
    values = {name: [settings.get(name, "") for settings in found] for name in names}
    return [(name, of_each) for name, of_each in values.items() if len({*of_each}) > 1]


def _operators(views: Sequence[Sections], changes: Sequence[Changes | None]) -> list[_Operator]:
    """Operators by name and shapes, those first that take longest anywhere."""
    times: dict[tuple[str, str], dict[int, tuple[float, int]]] = {}
    for number, view in enumerate(views):
        for place, row in enumerate(view.operators.merged):
            key = str(row.get("Name", "")), str(row.get("Argument Shapes", ""))
            before, first = times.setdefault(key, {}).get(number, (0.0, place))
            times[key][number] = before + microseconds(row), first
    ordered = sorted(times.items(), key=lambda item: -max(us for us, _ in item[1].values()))
    names = shortened([name for (name, _), _ in ordered], _NAME_WIDTH)
    return [
        _Operator(
            key[0],
            short_name,
            key[1],
            [
                _cell(of_each, number, since.cells.get(key, NO_CELL) if since else NO_CELL)
                for number, since in enumerate(changes)
            ],
        )
        for short_name, (key, of_each) in zip(names, ordered, strict=True)
    ]


def _cell(times: Mapping[int, tuple[float, int]], number: int, change: Cell) -> _Cell | None:
    if number not in times:
        return None
    us, row = times[number]
    ratio = ""
    if number > 0 and 0 in times and times[0][0]:
        ratio = f"{three_digits(us / times[0][0])} x"
    return _Cell(short_time(us), ratio, change.exact, change.mark, number, row)
