"""What of a report to show: which rows, in which order, which columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Report
from vmprof.report.render.table import SEPARATOR, columns_of, grid, notes
from vmprof.uncollected import uncollected
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row

_DECORATION = re.compile(r"^perf::|\s*\([^)]*\)$")


@dataclass(frozen=True)
class View:
    """``top`` rows (None: all), the largest of column ``sort`` first; ``columns`` besides Name.

    Columns may be named without ``perf::`` and unit, in any case: ``cycles``, ``duration``.
    ``by_path`` keeps calls apart that were made in different chains of functions.
    """

    top: int | None = None
    sort: str | None = None
    columns: tuple[str, ...] | None = None
    by_path: bool = False


@dataclass(frozen=True)
class Selection:
    """Rows to show: ``rest`` stands for the others, if there are any, ``sums`` for all of them.

    ``order`` is the column that they are sorted by.
    """

    order: str
    rows: Sequence[Row]
    rest: Row | None
    sums: Row
    totals: Sequence[Row]
    columns: Sequence[str]


@uncollected()
def select(report: Report, view: View) -> Selection:
    """Merged rows as ``view`` wants them. :class:`VmprofError` if a column is not there."""
    rows = derive_rows(merge_calls(report.calls, by_path=view.by_path), report.derived)
    present = columns_of(rows)
    # What only Total has, and what could not be counted, may be asked for too.
    known = dict.fromkeys([*present, *columns_of(report.device_metrics.values()), *report.missing])
    order = "Duration (us)"
    if view.sort is not None:
        order = find_column(view.sort, known)
        _check_order(order, present, report)
    rows.sort(key=lambda row: order_of(row.get(order)))
    kept = rows if view.top is None else rows[: view.top]
    others = rows[len(kept) :]
    rest = None
    if others:
        rest = {**summed(others, report.derived), "Name": f"({len(others):,} more)"}
    wanted = present
    if view.columns is not None:
        named = dict.fromkeys(find_column(name, known) for name in view.columns)
        wanted = ["Name", *(name for name in named if name != "Name")]
    return Selection(
        order=order,
        rows=kept,
        rest=rest,
        sums={**summed(rows, report.derived), "Name": "Sum"},
        totals=[{**row, "Name": "Total"} for row in report.device_metrics.values()],
        columns=wanted,
    )


def _check_order(column: str, present: Iterable[str], report: Report) -> None:
    """Refuse an order by a column that no row has: they would be in none."""
    if column in present:
        return
    reason = report.missing.get(column, "only Total has it, no row does")
    raise VmprofError(f"rows cannot be sorted by {column}: {reason}")


def find_column(name: str, present: Iterable[str]) -> str:
    """The column that a user means by ``name``."""
    columns = list(present)
    if name in columns:
        return name
    plain = {_plain(column): column for column in reversed(columns)}
    if _plain(name) in plain:
        return plain[_plain(name)]
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    hint = f"did you mean {plain[close[0]]!r}? " if close else ""
    raise VmprofError(f"the report has no column {name!r}; {hint}it has: {', '.join(columns)}")


def _plain(column: str) -> str:
    return _DECORATION.sub("", _DECORATION.sub("", column)).lower()


def order_of(metric: Metric | None) -> tuple[int, float, str]:
    """Where a row belongs: large numbers first, then text from a to z, then what is not there."""
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return (0, -number, "")
        case str() if metric:
            return (1, 0.0, metric)
    return (2, 0.0, "")


def text(report: Report, view: View) -> str:
    """TVM's table, as ``view`` wants it, for whatever reads it: a file, a pipe."""
    if view == View(by_path=view.by_path):
        return report.table(by_path=view.by_path)
    chosen = select(report, view)
    rest = [chosen.rest] if chosen.rest else []
    footer = [*rest, SEPARATOR, chosen.sums, *chosen.totals]
    return grid(chosen.rows, footer, chosen.columns) + "\n" + notes(report)
