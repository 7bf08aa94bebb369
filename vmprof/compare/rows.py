"""The rows of a report as its table shows them."""

from __future__ import annotations

from vmprof.report.aggregate import merge_calls, sum_columns
from vmprof.report.derive import derive_rows
from vmprof.report.model import Duration, Percent, Report, Row


def merged_rows(report: Report) -> list[Row]:
    """One row per operator, shapes and device, derived columns computed anew."""
    return derive_rows(merge_calls(report.calls), report.derived)


def summed_row(report: Report) -> Row:
    """The sum of the columns that add up, derived columns computed from it.

    Of shares only Percent adds up, which is of Total; others are of their row.
    """
    sums = {
        name: metric
        for name, metric in sum_columns(report.calls).items()
        if name == "Percent" or not isinstance(metric, Percent)
    }
    return derive_rows([sums], report.derived)[0]


def microseconds(row: Row) -> float:
    """The duration of ``row``; 0 if it has none."""
    duration = row.get("Duration (us)")
    return duration.microseconds if isinstance(duration, Duration) else 0.0
