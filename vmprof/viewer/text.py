"""A screen of text, and the help that stands on one."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from vmprof.viewer.sheet import Sheet
from vmprof.visible import visible

_KEYS = (
    (
        "Enter, a second click",
        "open an operator: its cells, calls, advice, and its inside if it was sampled",
    ),
    ("/", "filter as you type: rows that have all words somewhere; Esc shows all rows again"),
    ("s, S, click on a name", "sort by the next column, by the one before, by that one"),
    ("r", "the other way round"),
    ("n, p", "the next report, the one before; of an opened operator, the next operator"),
    ("i", "the report: facts, advice, what could not be counted and why, how it was measured"),
    ("1 to 6", "in an opened operator: its parts"),
    ("← → ↑ ↓ PgUp PgDn Home End", "go about; names stay where they are"),
    ("Esc", "back"),
    ("q", "quit"),
)


class Page(Screen[None]):
    """``text``, which may be longer than the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, text: RenderableType) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._text, classes="text", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def keys_and_columns(sheet: Sheet) -> RenderableType:
    """What keys do, and what the columns of ``sheet`` mean."""
    columns = [(column.title, sheet.told.get(column.title, "")) for column in sheet.columns]
    return Group(
        Text("Keys", "bold"), _grid(_KEYS), Text("\nColumns", "bold"), _grid(tuple(columns))
    )


def _grid(entries: tuple[tuple[str, str], ...]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True, max_width=32, overflow="ellipsis")
    table.add_column()
    for name, meaning in entries:
        table.add_row(Text(visible(name)), Text(visible(meaning)))
    return table
