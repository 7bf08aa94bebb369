"""Sum + In no row = Total: what a report's rows do not explain, and whether that adds up."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vmprof.report.aggregate import sums_of
from vmprof.report.columnwise import cells_of
from vmprof.report.model import Report
from vmprof.values import Count, Duration, Metric, Samples

_DURATION = "Duration (us)"
# In the configuration: the part of Total that is in no row, of Duration and of each count.
IN_NO_ROW = "In no row (us)"

# What the addition of floating-point numbers may leave, as a part of Total.
_ROUNDING = 1e-9


def in_no_row_of(column: str) -> str:
    """The entry of the configuration that says what of ``column`` is in no row."""
    return IN_NO_ROW if column == _DURATION else f"In no row {column}"


def imbalance(report: Report) -> Mapping[str, float]:
    """Total - Sum - In no row by column, of those columns of which the report says all three.

    In a report of one device; of several, none says what of a device is in no row.
    """
    if len(report.device_metrics) != 1:
        return {}
    (total,) = report.device_metrics.values()
    outside = {
        name: cell
        for name, metric in total.items()
        if not isinstance(metric, Samples)
        and (cell := report.configuration.get(in_no_row_of(name))) is not None
    }
    sums = sums_of({name: cells for name in outside if (cells := cells_of(report.calls, name))})
    return {
        name: _number(total[name]) - _number(sums.get(name)) - _number(cell)
        for name, cell in outside.items()
    }


def check_balance(report: Report, foreign: Collection[str] = ()) -> None:
    """Raise AssertionError if ``report``, as vmprof builds one, does not add up: vmprof's fault.

    But for ``foreign`` columns, which others filled.
    """
    (total,) = report.device_metrics.values()
    for column, difference in imbalance(report).items():
        if column in foreign:
            continue
        most = 0.0 if isinstance(total[column], Count) else _ROUNDING * _number(total[column])
        if abs(difference) > most:
            raise AssertionError(f"{column}: rows, In no row and Total differ by {difference}")


def _number(metric: Metric | None) -> float:
    match metric:
        case Count(number) | Duration(number):
            return number
    return 0.0
