"""An operator, opened: its cells, its calls, what to do about it, and its inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Footer, Static, TabbedContent, TabPane

from vmprof.report.aggregate import merge_key
from vmprof.report.kinds import calls_of
from vmprof.report.render.inside.view import OperatorView, TableRow
from vmprof.report.render.shown import Column, dimmed_unit
from vmprof.report.render.table import columns_of
from vmprof.values import Row
from vmprof.viewer import told
from vmprof.viewer.sheet import ReportSheet
from vmprof.visible import visible

_PARTS = ("Overview", "Calls", "Advice", "TensorIR", "Instructions", "Functions")
_OF_THE_OPERATOR = ("Name", "Argument Shapes", "Hash", "Device")
_LINES = ("Share", "In loop", "Line", "TensorIR")
_STEPS = ("Share", "Address", "Line", "Width", "Instruction")
_FUNCTIONS = ("Share", "Function", "Library")
# From what has no samples to where most of them are: degrees of heat of OperatorView.
_HEAT = ("", *[""] * 2, *["yellow"] * 3, *["bold red"] * 4)
_NO_LINES = "Lines are known of libraries that vmprof compiled; its instructions may be."

_NO_CODE = "The machine code that its samples are in is not known."


class Opened(Screen[None]):
    """The operator at ``place`` among those of ``sheet`` that have these ``numbers``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "app.pop_screen", "Back"),
        *(
            Binding(f"{number}", f"part({number})", part, show=False)
            for number, part in enumerate(_PARTS, start=1)
        ),
        Binding("right_square_bracket,tab", "step(1)", "Next part", key_display="Tab"),
        Binding("left_square_bracket,shift+tab", "step(-1)", "Previous part", show=False),
        Binding("n", "next(1)", "Next operator"),
        Binding("p", "next(-1)", "Previous"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(
        self, sheet: ReportSheet, numbers: Sequence[int], place: int, part: int = 1
    ) -> None:
        super().__init__()
        self._sheet, self._numbers, self._place, self._part = sheet, numbers, place, part
        self._row = sheet.rows[numbers[place]]
        self._made: set[str] = set()

    def compose(self) -> ComposeResult:
        name, shapes = (str(self._row.get(key, "")) for key in ("Name", "Argument Shapes"))
        head = Text(visible(name), "bold", overflow="ellipsis", no_wrap=True)
        if shapes:
            head.append(f"\n{visible(shapes)}", "not bold dim")
        yield Static(head, classes="told", markup=False)
        with TabbedContent(initial=f"part-{self._part}"):
            for number, part in enumerate(_PARTS, start=1):
                yield TabPane(f"{number} {part}", id=f"part-{number}")
        yield Footer()

    def action_part(self, number: int) -> None:
        self.query_one(TabbedContent).active = f"part-{number}"

    def action_step(self, step: int) -> None:
        now = int(self.query_one(TabbedContent).active.removeprefix("part-"))
        self.action_part((now - 1 + step) % len(_PARTS) + 1)

    def action_next(self, step: int) -> None:
        place = self._place + step
        if 0 <= place < len(self._numbers):
            part = int(self.query_one(TabbedContent).active.removeprefix("part-"))
            self.app.switch_screen(Opened(self._sheet, self._numbers, place, part))

    async def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """A part is made when it is looked at: reading machine code takes time."""
        pane = event.pane
        name = pane.id or ""
        if name not in self._made:
            self._made.add(name)
            await pane.mount(*self._contents(int(name.removeprefix("part-"))))
        for widget in pane.query("DataTable, VerticalScroll"):
            widget.focus()
            break

    def _contents(self, number: int) -> Iterator[Widget]:
        match _PARTS[number - 1]:
            case "Overview":
                yield VerticalScroll(
                    Static(told.overview(self._sheet, self._row, self.size.width), classes="text")
                )
            case "Calls":
                yield from self._calls()
            case "Advice":
                yield VerticalScroll(Static(told.advice(self._sheet, self._row), classes="text"))
            case part:
                yield from self._inside(part)

    def _calls(self) -> Iterator[Widget]:
        key = merge_key(self._row)
        found = [
            (place, row)
            for place, row in enumerate(self._sheet.report.calls, start=1)
            if merge_key(row) == key
        ]
        of = len(self._sheet.report.calls)
        yield _note(f"{len(found):,} of the report's {of:,} rows, in their order{_of_many(found)}")
        rows: list[Row] = [row for _, row in found]
        columns = [
            column
            for title in columns_of(rows)
            if title not in _OF_THE_OPERATOR
            if not (column := Column.of(title, rows)).is_empty
        ]
        columns.sort(key=lambda column: column.rank)
        table: DataTable[Text] = DataTable(cursor_type="row", fixed_columns=1)
        for label in ("#", *(column.label for column in columns)):
            table.add_column(Text(label, "dim"))
        for at, (place, _) in enumerate(found):
            cells = [dimmed_unit(column.cells[at], "") for column in columns]
            table.add_row(Text(f"{place:,}"), *cells)
        yield table

    def _inside(self, part: str) -> Iterator[Widget]:
        everything = self._sheet.annotated
        if isinstance(everything, str):
            yield _note(f"Its inside is not known: {everything}.")
            return
        name = self._row.get("Name")
        operator = next((each for each in everything.operators if each.name == name), None)
        if operator is None:
            yield _note("No sample fell into it: it is too short, or was called too seldom.")
            return
        view = OperatorView.of(everything, operator)
        alike = sum(row.get("Name") == name for row in self._sheet.rows)
        if alike > 1:
            yield _note(f"Of all {alike} rows of this name together.")
        for line in view.about:
            yield _note(line)
        match part:
            case "TensorIR" if view.lines:
                yield _table(_LINES, view.lines)
            case "TensorIR":
                yield _note(_NO_LINES)
            case "Instructions" if not view.codes:
                yield _note(_NO_CODE)
            case "Instructions":
                rows = [row for code in view.codes for row in (_title_row(code.title), *code.rows)]
                yield _table(_STEPS, rows)
            case _:
                yield _table(_FUNCTIONS, view.functions)


def _title_row(title: str) -> TableRow:
    return TableRow(0, ("", "", "", "", title))


def _of_many(found: Sequence[tuple[int, Row]]) -> str:
    """What a lone row stands for, whose calls nobody told apart."""
    calls = sum(calls_of(row) for _, row in found)
    return f"; it stands for {calls:,} calls" if len(found) == 1 and calls > 1 else ""


def _table(labels: Sequence[str], rows: Sequence[TableRow]) -> DataTable[Text]:
    """Rows, the hotter the brighter; the cursor is on the hottest."""
    table: DataTable[Text] = DataTable(cursor_type="row")
    texts = [[visible(row.cells[at]) for row in rows] for at in range(len(labels))]
    first_text = 1 if labels is _FUNCTIONS else len(labels) - 1
    for at, label in enumerate(labels):
        width = max(map(cell_len, [label, *texts[at]]))
        if at < first_text:
            texts[at] = [text.rjust(width) for text in texts[at]]
        table.add_column(
            Text(label if at >= first_text else label.rjust(width), "dim"), width=width
        )
    for row, *cells in zip(rows, *texts, strict=True):
        table.add_row(*(Text(cell, _HEAT[row.heat]) for cell in cells))
    table.move_cursor(row=max(range(len(rows)), key=lambda at: rows[at].heat, default=0))
    return table


def _note(text: str) -> Static:
    return Static(Text(visible(text)), classes="told", markup=False)
