"""Columns as people at a terminal see them: what a cell says, and how many belong together.

One place for all that shows tables there: the one that is printed, and the one to go about in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from vmprof.report.layers import short as short_layers
from vmprof.report.noise import spread_of
from vmprof.report.render.figures import short
from vmprof.report.render.view import Selection, View
from vmprof.values import LAYER, Count, Duration, Metric, Percent, Ratio, Row
from vmprof.visible import visible

TIME = "Duration (us)"
SHAPES = "Argument Shapes"
SPREAD = "±"  # by how much the repeats of the time differ
NEVER_BY_DEFAULT = ("Hash", "Percent")
_MICROSECONDS = " (us)"
MUCH = 10.0  # percent of Total: worth a look


@dataclass(frozen=True)
class Column:
    """A column and the cells of all rows; those of a column of numbers are of one width."""

    title: str
    label: str
    cells: Sequence[str]
    is_number: bool
    is_ratio: bool
    says_something: bool

    @classmethod
    def of(cls, title: str, rows: Sequence[Row]) -> Column:
        if title == SPREAD:
            cells = _spreads(rows)
            label = title.rjust(max(map(len, cells), default=0))
            return cls(title, label, cells, is_number=True, is_ratio=True, says_something=True)
        metrics = [row.get(title) for row in rows]
        label = title
        if title == TIME:
            label = "Time"
        elif title.endswith(_MICROSECONDS):
            label = title.removesuffix(_MICROSECONDS)  # a cell has the unit that suits it
        elif title.startswith("perf::"):
            label = title.removeprefix("perf::").lower()
        label = visible(label)
        cells = [_cell(title, metric) for metric in metrics]
        numbers = [m for m in metrics if isinstance(m, Count | Duration | Percent | Ratio)]
        if numbers:
            cells = _aligned(cells)
            label = label.rjust(max(map(len, cells)))
            cells = [cell.rjust(len(label)) for cell in cells]
        something = any(short(number) not in ("0", "0 ns", "0 %") for number in numbers)
        is_ratio = any(isinstance(number, Ratio | Percent) for number in numbers)
        return cls(title, label, cells, bool(numbers), is_ratio, something)

    @property
    def is_empty(self) -> bool:
        return not any(cell.strip() for cell in self.cells)

    @property
    def width(self) -> int:
        return max(map(cell_len, [self.label, *self.cells]))

    @property
    def rank(self) -> tuple[int, int]:
        """What is shown first, where not all of them fit: lower is earlier."""
        groups = ("Name", TIME, SPREAD, "Device", "Count", "Bound", LAYER)
        if self.title in groups:
            return (0, groups.index(self.title))
        kind = 0 if self.is_ratio else 1 if self.title.startswith("perf::") else 2
        return (1 if self.says_something else 2, kind)


def _cell(title: str, metric: Metric | None) -> str:
    text = short(metric)
    return visible(short_layers(text) if title == LAYER else text)


def _aligned(cells: Sequence[str]) -> list[str]:
    """Numbers below numbers, units below units."""
    parts = [cell.partition(" ") for cell in cells]
    width = max(len(unit) for _, _, unit in parts)
    if not width:
        return list(cells)
    return [f"{number} {unit:<{width}}" if number else "" for number, _, unit in parts]


def titles_of(chosen: Selection, view: View) -> list[str]:
    """The columns of ``chosen`` that are worth room, and beside the time how it differs."""
    titles = [*chosen.columns]
    if view.columns is None and len(chosen.totals) == 1:
        titles.remove("Device")
    if view.columns is None:
        titles.insert(titles.index(TIME) + 1, SPREAD)
    return titles


def dimmed_unit(cell: str, style: str) -> Text:
    """``cell``, a number in ``style`` and what it is of."""
    number, separator, unit = cell.rpartition(" ")
    if not separator or not number.strip():
        return Text(cell, style)
    return Text.assemble((number, style), (f" {unit}", "dim"))


def share_cell(percent: float, length: float, width: int) -> Text:
    """``percent`` of Total, beside a bar of so much (0 to 1) of ``width`` characters."""
    style = "bold" if percent >= MUCH and length else ""
    return Text.assemble((f"{percent:5.1f} ", style), (_bar(length, width), "cyan"))


def _bar(length: float, width: int) -> str:
    eighths = round(8 * width * length)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return "█" * (eighths // 8) + partial


def _spreads(rows: Sequence[Row]) -> list[str]:
    texts = [spread.text if (spread := spread_of(row)) else "" for row in rows]
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]
