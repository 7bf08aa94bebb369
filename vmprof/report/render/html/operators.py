"""The table of operators: merged rows, a cell's text beside the number that it sorts by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.derive import derive_rows, summed
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.layers import short as short_layers
from vmprof.report.model import Report
from vmprof.report.noise import spread_of
from vmprof.report.render.figures import short, short_time
from vmprof.report.render.legends import legend
from vmprof.report.render.names import shortened
from vmprof.report.render.table import columns_of, format_metric
from vmprof.values import (
    LAYER,
    NOT_COUNTED,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    is_inclusive,
)

# Numbers of each call make up a wide table; these are shown on demand.
_HIDDEN = ("Hash",)
_ON_CARDS = ("Duration (us)", "Spread", "Change", "Percent", "Count", "Layer", "Bound")
_OF_ONE_ROW = ("Name", "Argument Shapes", "Hash")
# Of characters that a name has on the page; its row, opened, has all of them.
NAME_WIDTH = 44


@dataclass(frozen=True)
class Column:
    """``title`` is the stable name, ``label`` what the head says, ``hint`` what it means.

    The values of a column that ``adds`` up have a sum; equal texts of one that ``tells`` what
    a row is make a group.
    """

    title: str
    label: str
    hint: str
    numeric: bool
    shown: bool = True
    adds: bool = False
    tells: bool = False

    @property
    def classes(self) -> str:
        """Of its cells. What is ``extra`` is not on cards, but in the opened row."""
        number, extra = self.numeric, self.title not in _ON_CARDS
        return " ".join(name for name, is_so in (("number", number), ("extra", extra)) if is_so)


_SPREAD = Column(
    "Spread",
    "±",
    legend("±"),
    numeric=True,
)


@dataclass(frozen=True)
class Cell:
    """``text`` to read, with the unit apart; ``exact`` all digits; ``key`` to sort by.

    ``mark`` is a class of the style sheet, if the cell has one.
    """

    text: str
    unit: str
    exact: str
    key: float | str
    mark: str = ""


NO_CELL = Cell("", "", "", "")


@dataclass(frozen=True)
class Changes:
    """What became of each row since a baseline: ``label`` names it.

    ``cells`` are by name and shapes of the row; a row without one gets none. The ``mark`` of a
    cell may be ``slower``, ``faster`` or ``unsure``.
    """

    label: str
    cells: Mapping[tuple[str, str], Cell]


@dataclass(frozen=True)
class OperatorRow:
    """``short`` is its name in little room; ``colour`` of its kind, None for the rest.

    ``share`` of the longest row, 0 to 100.
    """

    number: int
    name: str
    short: str
    kind: str
    colour: int | None
    share: float
    cells: Sequence[Cell]


@dataclass(frozen=True)
class OperatorTable:
    """``rows``, longest first, of the merged rows ``merged``.

    ``row_of`` has the number of the row of each call.
    """

    columns: Sequence[Column]
    rows: Sequence[OperatorRow]
    totals: Sequence[tuple[str, Sequence[Cell]]]
    row_of: Sequence[int]
    merged: Sequence[Row]

    @classmethod
    def of(
        cls, report: Report, colours: Mapping[str, int], changes: Changes | None = None
    ) -> OperatorTable:
        found = derive_rows(merge_calls(report.calls), report.derived)
        order = sorted(range(len(found)), key=lambda i: -microseconds(found[i]))
        rank = {old: new for new, old in enumerate(order)}
        rows = [found[i] for i in order]
        totals: list[tuple[str, Row]] = [("Sum", summed(rows, report.derived))]
        totals += [(f"Total, {device}", row) for device, row in report.device_metrics.items()]
        below = [row for _, row in totals]
        columns = _columns(rows, below, changes, several=len(report.device_metrics) > 1)
        longest = max((microseconds(row) for row in rows), default=0.0) or 1.0
        names = [format_metric(row.get("Name")) for row in rows]
        return cls(
            columns=[column for column, _ in columns],
            rows=[
                OperatorRow(
                    number,
                    name,
                    short_name,
                    kind_of(row),
                    colours.get(kind_of(row)),
                    100 * microseconds(row) / longest,
                    [cells[number] for _, cells in columns],
                )
                for number, (row, name, short_name) in enumerate(
                    zip(rows, names, shortened(names, NAME_WIDTH), strict=True)
                )
            ],
            totals=[
                (name, [cells[len(rows) + place] for _, cells in columns])
                for place, (name, _) in enumerate(totals)
            ],
            row_of=[rank[old] for old in groups_of(report.calls)],
            merged=rows,
        )


def _columns(
    rows: Sequence[Row], below: Sequence[Row], changes: Changes | None, *, several: bool
) -> list[tuple[Column, list[Cell]]]:
    """Each column with its cells, of ``rows`` and of those ``below`` them."""
    columns: list[tuple[Column, list[Cell]]] = []
    everything = [*rows, *below]
    for title in columns_of(rows):
        if not any(row.get(title) for row in rows):
            continue
        column = _column(title, rows, several_devices=several)
        columns.append((column, [cell(title, row.get(title)) for row in everything]))
        if title == "Duration (us)":
            spreads = [_spread_cell(row) for row in everything]
            if any(spread.text for spread in spreads):
                columns.append((_SPREAD, spreads))
            if changes is not None:
                columns.append(_changed(rows, below, changes))
    return columns


def _changed(
    rows: Sequence[Row], below: Sequence[Row], changes: Changes
) -> tuple[Column, list[Cell]]:
    keys = [(str(row.get("Name", "")), str(row.get("Argument Shapes", ""))) for row in rows]
    cells = [changes.cells.get(key, NO_CELL) for key in keys]
    hint = f"what the duration is above or below that of {changes.label}"
    return Column("Change", "change", hint, numeric=True), cells + [NO_CELL] * len(below)


def _spread_cell(row: Row) -> Cell:
    spread = spread_of(row)
    if spread is None:
        return NO_CELL
    exact = f"{short_time(spread.low)} to {short_time(spread.high)}, of {spread.repeats} repeats"
    return Cell(spread.text, "", exact, spread.percent)


def groups_of(calls: Sequence[Row]) -> list[int]:
    """The number of the merged row that each call goes into."""
    numbers: dict[tuple[Metric | None, ...], int] = {}
    return [numbers.setdefault(merge_key(call), len(numbers)) for call in calls]


def cell(title: str, metric: Metric | None) -> Cell:
    """How ``metric`` shows in the column ``title``."""
    exact = format_metric(metric)
    match metric:
        case Duration(value):
            # All of a column in one unit, or lengths would say nothing.
            return Cell(exact, "", f"{value:,.3f} us", value)
        case Percent(value):
            return Cell(f"{value:.1f}", "", f"{value:.4f} %", value)
        case Count(value):
            text, _, unit = short(metric).partition(" ")
            return Cell(text, unit, exact, value)
        case Ratio(value):
            return Cell(short(metric), "", f"{value:.6g}", value)
        case str() if title == LAYER:
            return Cell(short_layers(metric), "", metric, metric)
        case str() if title in ("Name", "Argument Shapes"):
            return Cell(metric, "", metric, metric)
    return Cell(exact, "", exact, exact)


def _column(title: str, rows: Sequence[Row], *, several_devices: bool) -> Column:
    label = title.removeprefix("perf::")
    cells = [metric for row in rows if (metric := row.get(title))]
    is_text = any(isinstance(metric, str) for metric in cells)
    return Column(
        title,
        label.lower().replace("-", " ") if label != title else label,
        f"{title}: {told}" if (told := legend(title)) else title,
        numeric=not is_text,
        shown=title not in _HIDDEN
        and (title != "Device" or several_devices)
        and not title.endswith("layout"),
        adds=(
            not is_inclusive(title)
            and all(isinstance(m, Count | Duration) or m == NOT_COUNTED for m in cells)
        )
        or title == "Percent",
        tells=is_text and title not in _OF_ONE_ROW,
    )
