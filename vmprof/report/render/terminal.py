"""The table for people at a terminal: as wide as it is, the important things first.

A bar for the share of time, three significant digits, as many columns as fit
(those that do not are named below), long names cut in the middle, shapes
folded. Colour is for what matters alone: where the time goes, what is missing.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vmprof.report.facts import facts, title_of
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.noise import Level, Noise, noise_of, spread_of
from vmprof.report.provenance import folded
from vmprof.report.render.figures import short
from vmprof.report.render.view import View, select
from vmprof.report.totals import longest_total
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row
from vmprof.visible import visible

_GAP = 2
_NARROW = 60  # for a name, and the least width that is used
_NAME = 44
_BAR = 12
_SHAPES = 30
_SHAPE_LINES = 2
_MUCH = 10.0  # percent of Total: worth a look
_SHAPE_COLUMN = "Argument Shapes"
_SPREAD = "±"  # by how much the repeats of the time differ
_NEVER_BY_DEFAULT = ("Hash", "Percent")


def render(report: Report, view: View, *, width: int, colour: bool) -> str:
    """``report`` in ``width`` characters."""
    width = max(width, _NARROW)
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    if title := title_of(report):
        console.print(Text(visible(title), "bold"))
    console.print(_facts(report, width))
    if (noise := noise_of(report)) is not None:
        console.print(_noise(noise))
    console.print()
    chosen = select(report, view)
    rows = [*chosen.rows, *([chosen.rest] if chosen.rest else []), chosen.sums, *chosen.totals]
    titles = chosen.columns
    if view.columns is None and len(chosen.totals) == 1:
        titles = [title for title in titles if title != "Device"]
    if view.columns is None:
        place = titles.index("Duration (us)") + 1
        titles = [*titles[:place], _SPREAD, *titles[place:]]
    columns = [_Column.of(title, rows) for title in titles]
    layout = _Layout.of(columns, rows, width, everything=view.columns is not None)
    total = longest_total(report) or microseconds(chosen.sums)
    console.print(_table(layout, rows, len(chosen.rows) + bool(chosen.rest), total))
    if layout.left_out:
        names = visible(", ".join(layout.left_out))
        console.print(Text(f"\nNot shown, for want of room (--columns): {names}", "dim"))
    if report.missing:
        console.print()
        console.print(_missing(report))
    if line := folded(report.provenance):
        console.print()
        console.print(Text(visible(f"{line} (all of it: --provenance)"), "dim"))
    # No blanks at the ends of lines, which rich pads.
    lines = output.getvalue().rstrip("\n").split("\n")
    return "".join(f"{line.rstrip()}\n" for line in lines)


@dataclass(frozen=True)
class _Column:
    """A column and the cells of all rows; those of a column of numbers are of one width."""

    title: str
    label: str
    cells: Sequence[str]
    is_ratio: bool
    says_something: bool

    @classmethod
    def of(cls, title: str, rows: Sequence[Row]) -> _Column:
        if title == _SPREAD:
            cells = _spreads(rows)
            label = title.rjust(max(map(len, cells)))
            return cls(title, label, cells, is_ratio=True, says_something=True)
        metrics = [row.get(title) for row in rows]
        label = title
        if title == "Duration (us)":
            label = "Time"
        elif title.startswith("perf::"):
            label = title.removeprefix("perf::").lower()
        label = visible(label)
        cells = [_cell(metric) for metric in metrics]
        numbers = [m for m in metrics if isinstance(m, Count | Duration | Percent | Ratio)]
        if numbers:
            cells = _aligned(cells)
            label = label.rjust(max(map(len, cells)))
            cells = [cell.rjust(len(label)) for cell in cells]
        something = any(short(number) not in ("0", "0 ns", "0 %") for number in numbers)
        is_ratio = any(isinstance(number, Ratio | Percent) for number in numbers)
        return cls(title, label, cells, is_ratio, something)

    @property
    def is_empty(self) -> bool:
        return not any(cell.strip() for cell in self.cells)

    @property
    def width(self) -> int:
        return max(map(cell_len, [self.label, *self.cells]))

    @property
    def rank(self) -> tuple[int, int]:
        """What is shown first, where not all of them fit: lower is earlier."""
        groups = ("Name", "Duration (us)", _SPREAD, "Device", "Count", "Bound")
        if self.title in groups:
            return (0, groups.index(self.title))
        kind = 0 if self.is_ratio else 1 if self.title.startswith("perf::") else 2
        return (1 if self.says_something else 2, kind)


@dataclass(frozen=True)
class _Layout:
    """``columns`` that fit, how wide names and shapes may be, titles of what does not fit."""

    columns: Sequence[_Column]
    name: int
    bar: bool
    shapes: int
    left_out: Sequence[str]

    @classmethod
    def of(
        cls, columns: Sequence[_Column], rows: Sequence[Row], width: int, *, everything: bool
    ) -> _Layout:
        """``everything``: the user named the columns; then only the shapes may give way."""
        names = max((cell_len(str(row.get("Name", ""))) for row in rows), default=0)
        name = min(names, _NAME if width > 2 * _NARROW else max(20, width * 2 // 5))
        room = width - name
        bar = any(column.title == "Duration (us)" for column in columns)
        if bar:
            room -= _BAR + 6 + 2 * _GAP
        shown: list[_Column] = []
        left_out = []
        shapes = None
        ordered = columns if everything else sorted(columns, key=lambda column: column.rank)
        for column in ordered:
            if column.title == "Name" or (column.is_empty and not everything):
                continue
            if column.title in _NEVER_BY_DEFAULT and not everything:
                continue
            if column.title == _SHAPE_COLUMN:
                shapes = column
                continue
            if not everything and (column.width + _GAP > room or column.title.endswith("layout")):
                left_out.append(column.title)
                continue
            room -= column.width + _GAP
            shown.append(column)
        space = 0
        if shapes is not None:
            space = min(shapes.width, max(room - _GAP, 0))
            if space < min(_SHAPES, shapes.width) and not everything:
                left_out.insert(0, shapes.title)
                space = 0
            else:
                space = max(space, 16)
                shown.append(shapes)
        return cls(shown, name, bar, space, left_out)


def _table(layout: _Layout, rows: Sequence[Row], sums_at: int, total: float) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Name", no_wrap=True, min_width=layout.name, max_width=layout.name)
    for column in layout.columns:
        if column.title == _SHAPE_COLUMN:
            table.add_column(column.title, width=layout.shapes)
        else:
            table.add_column(Text(column.label), no_wrap=True)
        if column.title == "Duration (us)":
            table.add_column("Share", justify="left", no_wrap=True, width=_BAR + 6 + _GAP)
    longest = max((microseconds(row) for row in rows[:sums_at]), default=0.0)
    for number, row in enumerate(rows):
        is_sum = number >= sums_at
        share = 100 * microseconds(row) / total if total else 0.0
        style = "bold" if share >= _MUCH and not is_sum else ""
        cells: list[Text] = [Text(_shorten(str(row.get("Name", "")), layout.name), style)]
        for column in layout.columns:
            cell = column.cells[number]
            if column.title == _SHAPE_COLUMN:
                folded = textwrap.wrap(
                    cell, layout.shapes, max_lines=_SHAPE_LINES, placeholder=" ..."
                )
                cells.append(Text("\n".join(folded), "dim"))
                continue
            cells.append(_dimmed_unit(cell, style if column.title == "Duration (us)" else ""))
            if column.title == "Duration (us)":
                length = microseconds(row) / longest if longest and not is_sum else 0.0
                cells.append(Text.assemble((f"{share:5.1f} ", style), (_bar(length), "cyan")))
        if number == sums_at:
            table.add_row()
        table.add_row(*cells)
    return table


def _facts(report: Report, width: int) -> Text:
    """In lines that break between facts alone."""
    lines = [Text()]
    for fact in facts(report):
        text = Text.assemble((visible(f"{fact.name} "), "dim"), visible(fact.value))
        if lines[-1].cell_len + 3 + text.cell_len > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1] else "").append(text)
    return Text("\n").join(lines)


def _noise(noise: Noise) -> Text:
    is_quiet = noise.level is Level.QUIET
    text = Text(visible(noise.verdict), "dim" if is_quiet else "yellow")
    return text.append(visible(f" ({noise.remedy})"), "dim") if noise.remedy else text


def _spreads(rows: Sequence[Row]) -> Sequence[str]:
    texts = [spread.text if (spread := spread_of(row)) else "" for row in rows]
    return [text.rjust(max(map(len, texts))) for text in texts]


def _missing(report: Report) -> RenderableType:
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


def _cell(metric: Metric | None) -> str:
    return visible(short(metric))


def _aligned(cells: Sequence[str]) -> list[str]:
    """Numbers below numbers, units below units."""
    parts = [cell.partition(" ") for cell in cells]
    width = max(len(unit) for _, _, unit in parts)
    if not width:
        return list(cells)
    return [f"{number} {unit:<{width}}" if number else "" for number, _, unit in parts]


def _dimmed_unit(cell: str, style: str) -> Text:
    number, separator, unit = cell.rpartition(" ")
    if not separator or not number.strip():
        return Text(cell, style)
    return Text.assemble((number, style), (f" {unit}", "dim"))


def _bar(length: float) -> str:
    eighths = round(8 * _BAR * length)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return "█" * (eighths // 8) + partial


def _shorten(name: str, width: int) -> str:
    """Cut in the middle: the end tells a kernel from the others."""
    name = visible(name)
    if cell_len(name) <= width:
        return name
    tail = min(10, width // 3)
    return f"{set_cell_size(name, width - tail - 1).rstrip()}…{name[-tail:]}"
