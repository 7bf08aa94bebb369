"""A table of textual's with the cells of a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from vmprof.report.kinds import microseconds
from vmprof.report.render.names import shortened
from vmprof.report.render.shown import MUCH, SHAPES, TIME, Column, dimmed_unit, share_cell
from vmprof.values import LAYER
from vmprof.viewer.sheet import Sheet

SHARE = "Share"
_FIRST = ("Name", "Function")
_LEAST_NAME, _NAME = 20, 44
_BAR, _SHORT_BAR, _WIDE = 12, 8, 100
_UP, _DOWN = "▲", "▼"


class Rows(DataTable[Text]):
    """A row is opened by Enter, and by a click on the row that the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Open")]


def fill(
    table: Rows, sheet: Sheet, numbers: Sequence[int], sort: str, *, up: bool, width: int
) -> None:
    """The rows of those ``numbers``, which are their keys, in a terminal of ``width``.

    The column ``sort`` says that it is the one, and in which direction.
    """
    bar = _BAR if width >= _WIDE else _SHORT_BAR
    room = min(max(width * 2 // 5, _LEAST_NAME), _NAME)
    cells: list[Sequence[str]] = []
    table.clear(columns=True)
    for column in sheet.columns:
        texts: Sequence[str] = [column.cells[at] for at in numbers]
        if column.title in (*_FIRST, LAYER):
            texts = shortened(texts, room)
        cells.append(texts)
        label = _label(column, sort, up=up)
        table.add_column(label, key=column.title, width=max(map(cell_len, [label.plain, *texts])))
        if column.title == TIME:
            table.add_column(Text(SHARE, "dim"), key=SHARE, width=bar + 6)
    for place, at in enumerate(numbers):
        row: list[Text] = []
        share = sheet.share(sheet.rows[at])
        style = "bold" if share >= MUCH else ""
        for column, texts in zip(sheet.columns, cells, strict=True):
            row.append(_cell(column.title, texts[place], style))
            if column.title == TIME:
                length = microseconds(sheet.rows[at]) / sheet.longest if sheet.longest else 0.0
                row.append(share_cell(share, length, bar))
        table.add_row(*row, key=f"{at}")


def _cell(title: str, text: str, style: str) -> Text:
    if title in _FIRST:
        return Text(text, style)
    if title == SHAPES:
        return Text(text, "dim")
    if title == LAYER:
        return Text(text)
    return dimmed_unit(text, style if title == TIME else "")


def _label(column: Column, sort: str, *, up: bool) -> Text:
    if column.title != sort:
        return Text(column.label, "dim")
    mark = _UP if up else _DOWN
    if column.label.startswith(" ") or column.is_number:
        return Text(f"{mark}{column.label.strip()}".rjust(column.width), "bold cyan")
    return Text(f"{column.label} {mark}", "bold cyan")
