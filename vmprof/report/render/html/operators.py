"""The table of operators: merged rows, a cell's text beside the number that it sorts by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.derive import derive_rows, summed
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.figures import short
from vmprof.report.render.table import columns_of, format_metric
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row

_UNITS = {
    "Name": "the function that was called",
    "Duration (us)": "microseconds: mean over the middle half of the repeats, added over the calls",
    "Percent": "share of Total, of several devices of the longest one",
    "Count": "calls that the row stands for",
    "FLOPs": "operations on data that the kernel was compiled to do",
    "Bytes": "of the tensors that it takes, each counted once: what has to be moved at least",
}
# Numbers of each call make up a wide table; these are shown on demand.
_HIDDEN = ("Hash",)


@dataclass(frozen=True)
class Column:
    """``title`` is the stable name, ``label`` what the head says, ``hint`` what it means."""

    title: str
    label: str
    hint: str
    numeric: bool
    shown: bool


@dataclass(frozen=True)
class Cell:
    """``text`` to read, with the unit apart; ``exact`` all digits; ``key`` to sort by."""

    text: str
    unit: str
    exact: str
    key: float | str


@dataclass(frozen=True)
class OperatorRow:
    """``colour`` of its kind, None for the rest; ``share`` of the longest row, 0 to 100."""

    number: int
    name: str
    colour: int | None
    share: float
    cells: Sequence[Cell]


@dataclass(frozen=True)
class OperatorTable:
    """``rows``, longest first; ``row_of`` has the number of the row of each call."""

    columns: Sequence[Column]
    rows: Sequence[OperatorRow]
    totals: Sequence[tuple[str, Sequence[Cell]]]
    row_of: Sequence[int]

    @classmethod
    def of(cls, report: Report, colours: Mapping[str, int]) -> OperatorTable:
        merged = derive_rows(merge_calls(report.calls), report.derived)
        order = sorted(range(len(merged)), key=lambda i: -microseconds(merged[i]))
        rank = {old: new for new, old in enumerate(order)}
        row_of = [rank[old] for old in groups_of(report.calls)]
        rows = [merged[i] for i in order]
        sums = summed(merged, report.derived)
        totals: list[tuple[str, Row]] = [("Sum", sums)]
        totals += [(f"Total, {device}", row) for device, row in report.device_metrics.items()]
        titles = [title for title in columns_of(rows) if any(row.get(title) for row in rows)]
        longest = max((microseconds(row) for row in rows), default=0.0) or 1.0
        return cls(
            columns=[
                _column(title, rows, several_devices=len(report.device_metrics) > 1)
                for title in titles
            ],
            rows=[
                OperatorRow(
                    number,
                    format_metric(row.get("Name")),
                    colours.get(kind_of(row)),
                    100 * microseconds(row) / longest,
                    [cell(title, row.get(title)) for title in titles],
                )
                for number, row in enumerate(rows)
            ],
            totals=[
                (name, [cell(title, row.get(title)) for title in titles]) for name, row in totals
            ],
            row_of=row_of,
        )


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
        case str() if title in ("Name", "Argument Shapes"):
            return Cell(metric, "", metric, metric)
    return Cell(exact, "", exact, exact)


def _column(title: str, rows: Sequence[Row], *, several_devices: bool) -> Column:
    label = title.removeprefix("perf::")
    return Column(
        title,
        label.lower().replace("-", " ") if label != title else label,
        f"{title}: {_UNITS[title]}" if title in _UNITS else title,
        not any(isinstance(row.get(title), str) and row.get(title) for row in rows),
        title not in _HIDDEN
        and (title != "Device" or several_devices)
        and not title.endswith("layout"),
    )
