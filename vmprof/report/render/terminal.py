"""The table for people at a terminal: as wide as it is, the important things first.

A bar for the share of time, three significant digits, as many columns as fit
(those that do not are named below), names as wide as these leave room for and
shortened where they are alike, shapes folded. Colour is for what matters alone: where the
time goes, what is missing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vmprof.report.facts import facts, title_of
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.noise import Level, Noise, noise_of
from vmprof.report.provenance import folded
from vmprof.report.render.console import console as console_of
from vmprof.report.render.console import trimmed
from vmprof.report.render.names import shortened
from vmprof.report.render.shown import (
    MUCH,
    NEVER_BY_DEFAULT,
    SHAPES,
    TIME,
    Column,
    dimmed_unit,
    share_cell,
    titles_of,
)
from vmprof.report.render.view import View, select
from vmprof.report.totals import longest_total
from vmprof.values import LAYER, Row
from vmprof.visible import visible

_GAP = 2
_WIDE = 100
_NARROW = 60  # for a name, and the least width that is used
_LEAST_NAME, _NAME = 20, 44
_BAR, _SHORT_BAR = 12, 8  # the latter where there is little room
_LEAST_TEXT, _SHAPES = 16, 30
_SHAPE_LINES = 2


def render(report: Report, view: View, *, width: int, colour: bool) -> str:
    """``report`` in ``width`` characters."""
    width = max(width, _NARROW)
    console, output = console_of(width, colour=colour)
    if title := title_of(report):
        console.print(Text(visible(title), "bold"))
    console.print(facts_text(report, width))
    if (noise := noise_of(report)) is not None:
        console.print(noise_text(noise))
    console.print()
    chosen = select(report, view)
    rows = [*chosen.rows, *([chosen.rest] if chosen.rest else []), chosen.sums, *chosen.totals]
    columns = [Column.of(title, rows) for title in titles_of(chosen, view)]
    layout = _Layout.of(columns, width, everything=view.columns is not None)
    total = longest_total(report) or microseconds(chosen.sums)
    console.print(_table(layout, rows, len(chosen.rows) + bool(chosen.rest), total))
    if layout.left_out:
        names = visible(", ".join(layout.left_out))
        console.print(Text(f"\nNot shown, for want of room (--columns): {names}", "dim"))
    if report.missing:
        console.print()
        console.print(missing_text(report))
    if line := folded(report.provenance):
        console.print()
        console.print(Text(visible(f"{line} (all of it: --provenance)"), "dim"))
    return trimmed(output)


@dataclass(frozen=True)
class _Layout:
    """``columns`` that fit, ``widths`` of those that give way and of bars, titles of the rest."""

    columns: Sequence[Column]
    widths: Mapping[str, int]
    bar: int
    left_out: Sequence[str]

    @classmethod
    def of(cls, columns: Sequence[Column], width: int, *, everything: bool) -> _Layout:
        """``everything``: the user named the columns; then only texts may give way."""
        given = {column.title: column for column in columns}
        least = {
            title: min(given[title].width, enough)
            for title, enough in _least_widths(given, width, everything=everything).items()
            if title in given
        }
        bar = _BAR if width >= _WIDE else _SHORT_BAR
        room = width - least["Name"]
        if TIME in given:
            room -= bar + 6 + 2 * _GAP
        shown: list[Column] = []
        left_out = []
        for column in columns if everything else sorted(columns, key=lambda column: column.rank):
            if column.title == "Name":
                shown.append(column)
                continue
            if not everything and (column.is_empty or column.title in NEVER_BY_DEFAULT):
                continue
            needed = least.get(column.title, column.width) + _GAP
            if not everything and (needed > room or column.title.endswith("layout")):
                left_out.append(column.title)
                continue
            room -= needed
            shown.append(column)
        # What is left over is for what gave way, in the order of what matters.
        widths = {}
        for title, enough in least.items():
            if given[title] in shown:
                widths[title] = enough + min(max(room, 0), given[title].width - enough)
                room -= widths[title] - enough
        cut = [
            replace(column, cells=shortened(column.cells, widths[column.title]))
            if column.title in (LAYER, "Name")
            else column
            for column in shown
        ]
        return cls(cut, widths, bar, left_out)


def _least_widths(given: Container[str], width: int, *, everything: bool) -> Mapping[str, int]:
    """How wide texts are at least, in the order in which they get what room is left."""
    name = max(_LEAST_NAME, width // 4 if LAYER in given else width * 2 // 5)
    return {
        "Name": min(name, _NAME),
        LAYER: min(max(_LEAST_TEXT, width // 5), _NAME),
        SHAPES: _LEAST_TEXT if everything else _SHAPES,
    }


def _table(layout: _Layout, rows: Sequence[Row], sums_at: int, total: float) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    for column in layout.columns:
        width = layout.widths.get(column.title)
        table.add_column(Text(column.label), no_wrap=column.title != SHAPES, width=width)
        if column.title == TIME:
            table.add_column("Share", justify="left", no_wrap=True, width=layout.bar + 6 + _GAP)
    longest = max((microseconds(row) for row in rows[:sums_at]), default=0.0)
    for number, row in enumerate(rows):
        is_sum = number >= sums_at
        share = 100 * microseconds(row) / total if total else 0.0
        style = "bold" if share >= MUCH and not is_sum else ""
        cells: list[Text] = []
        for column in layout.columns:
            cell = column.cells[number]
            match column.title:
                case "Name":
                    cells.append(Text(cell, style))
                case title if title == TIME:
                    length = microseconds(row) / longest if longest and not is_sum else 0.0
                    cells.append(dimmed_unit(cell, style))
                    cells.append(share_cell(share, length, layout.bar))
                case title if title == SHAPES:
                    cells.append(Text(_folded(cell, layout.widths[title]), "dim"))
                case title if title == LAYER:
                    cells.append(Text(cell))
                case _:
                    cells.append(dimmed_unit(cell, ""))
        if number == sums_at:
            table.add_row()
        table.add_row(*cells)
    return table


def _folded(shapes: str, width: int) -> str:
    lines = textwrap.wrap(shapes, width, max_lines=_SHAPE_LINES, placeholder=" ...")
    return "\n".join(lines)


def facts_text(report: Report, width: int) -> Text:
    """In lines that break between facts alone."""
    lines = [Text()]
    for fact in facts(report):
        text = Text.assemble((visible(f"{fact.name} "), "dim"), visible(fact.value))
        if lines[-1].cell_len + 3 + text.cell_len > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1] else "").append(text)
    return Text("\n").join(lines)


def noise_text(noise: Noise) -> Text:
    is_quiet = noise.level is Level.QUIET
    text = Text(visible(noise.verdict), "dim" if is_quiet else "yellow")
    return text.append(visible(f" ({noise.remedy})"), "dim") if noise.remedy else text


def missing_text(report: Report) -> RenderableType:
    """What could not be counted, by reason; what would have been derived from it, in one line."""
    derived = {entry.column for entry in report.derived}
    reasons: dict[str, list[str]] = {}
    for name, reason in report.missing.items():
        if name not in derived:
            reasons.setdefault(reason, []).append(name.removeprefix("perf::"))
    lines: list[RenderableType] = [Text("Not counted", "yellow")]
    for reason, names in reasons.items():
        lines.append(Padding(Text(visible(", ".join(names))), (0, 0, 0, 2)))
        lines.append(Padding(Text(visible(reason), "dim"), (0, 0, 0, 4)))
    if lacking := [name for name in report.missing if name in derived]:
        text = f"nor what is computed from them: {', '.join(lacking)}"
        lines.append(Padding(Text(visible(text)), (0, 0, 0, 2)))
    return Group(*lines)
