"""The first screen: the rows of a report, or of one of several; sorted, filtered, opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static, Tab, Tabs

from vmprof.report.render.shown import TIME
from vmprof.viewer import rows, told
from vmprof.viewer.functions import FunctionsSheet
from vmprof.viewer.opened import Opened
from vmprof.viewer.sheet import ReportSheet, Sheet
from vmprof.viewer.text import Page, keys_and_columns
from vmprof.visible import visible

# Of more, filling the table would take longer than typing.
_MOST_ROWS = 500


class Browser(Screen[None]):
    """One of ``sheets`` at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort(1)", "Sort"),
        Binding("S", "sort(-1)", "Sort by the column before", show=False),
        Binding("r", "reverse", "Reverse"),
        Binding("n", "next(1)", "Next report"),
        Binding("p", "next(-1)", "Previous report", show=False),
        Binding("i", "about", "Report"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("escape", "unfilter", "All rows", show=False),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        super().__init__()
        self._sheets = sheets
        self._number = 0
        self._sort = sheets[0].sort
        self._up = False  # the other way round
        self._width = 0

    @property
    def sheet(self) -> Sheet:
        return self._sheets[self._number]

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="told", markup=False)
        if len(self._sheets) > 1:
            yield Tabs(
                *(
                    Tab(Content(visible(sheet.title)), id=f"sheet-{number}")
                    for number, sheet in enumerate(self._sheets)
                )
            )
        yield Input(placeholder="words that a row has: conv2d float16", id="filter")
        yield rows.Rows(cursor_type="row", fixed_columns=1, id="rows")
        yield Static(id="legend", classes="legend", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._table.focus()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._show()

    # ---- keys -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002
        """Whether a key does anything here."""
        return action != "next" or len(self._sheets) > 1

    def action_sort(self, step: int) -> None:
        titles = [column.title for column in self.sheet.columns] or [self._sort]
        at = titles.index(self._sort) if self._sort in titles else -step
        self._sort_by(titles[(at + step) % len(titles)])

    def action_reverse(self) -> None:
        self._up = not self._up
        self._show()

    def action_filter(self) -> None:
        self._filter.add_class("shown")
        self._filter.focus()

    def action_unfilter(self) -> None:
        self._filter.value = ""
        self._filter.remove_class("shown")
        self._table.focus()

    def action_next(self, step: int) -> None:
        number = (self._number + step) % len(self._sheets)
        self.query_one(Tabs).active = f"sheet-{number}"

    def action_about(self) -> None:
        if isinstance(self.sheet, ReportSheet):
            self.app.push_screen(Page(told.about(self.sheet, self._width - 6)))
        elif isinstance(self.sheet, FunctionsSheet):
            self.app.push_screen(Page(told.about_functions(self.sheet)))

    def action_help(self) -> None:
        self.app.push_screen(Page(keys_and_columns(self.sheet)))

    # ---- what happens -----------------------------------------------------------------------

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        number = int(event.row_key.value or 0)
        if isinstance(self.sheet, ReportSheet):
            numbers = [int(key.value or 0) for key in self._table.rows]
            self.app.push_screen(Opened(self.sheet, numbers, numbers.index(number)))
            return
        title = self.sheet.rows[number].get("Function")
        for place, sheet in enumerate(self._sheets):
            if sheet.title == title:
                self.query_one(Tabs).active = f"sheet-{place}"
                return
        self.notify("none of its invocations was timed, and returned", markup=False)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        title = event.column_key.value or ""
        title = TIME if title == rows.SHARE else title
        if title == self._sort:
            self.action_reverse()
        else:
            self._sort_by(title)

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        number = int((event.tab.id or "sheet-0").removeprefix("sheet-"))
        if number != self._number:
            self._number = number
            self._sort, self._up = self.sheet.sort, False
            self._show()

    def on_input_changed(self) -> None:
        self._show()

    def on_input_submitted(self) -> None:
        self._table.focus()

    # ---- the table --------------------------------------------------------------------------

    @property
    def _table(self) -> rows.Rows:
        return self.query_one("#rows", rows.Rows)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def _sort_by(self, title: str) -> None:
        self._sort, self._up = title, False
        self._show()

    def _show(self) -> None:
        sheet = self.sheet
        numbers = sheet.numbers(self._sort, reverse=self._up, having=self._filter.value)
        first = numbers[:_MOST_ROWS]
        rows.fill(self._table, sheet, first, self._sort, up=self._up, width=self._width)
        head = self.query_one("#head", Static)
        head.display = isinstance(sheet, ReportSheet)
        if isinstance(sheet, ReportSheet):
            head.update(told.head(sheet, self._width - 2))
        shown = f"{len(numbers):,} of {len(sheet.rows):,}"
        if len(first) < len(numbers):
            shown = f"the first {len(first):,} of {len(numbers):,}"
        column = sheet.column(self._sort)
        label = column.label.strip() if column else self._sort
        meaning = sheet.told.get(self._sort, "")
        legend = f"{shown}, by {label}{': ' if meaning else ''}{meaning}"
        self.query_one("#legend", Static).update(Text(visible(legend), overflow="ellipsis"))
