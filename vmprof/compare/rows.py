"""The rows of a report as its table shows them."""

from __future__ import annotations

from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Report
from vmprof.values import Duration, Percent, Row


def merged_rows(report: Report) -> list[Row]:
    """One row per operator, shapes and device, derived columns computed anew."""
    return derive_rows(merge_calls(report.calls), report.derived)


def summed_row(report: Report) -> Row:
    """The sum of the columns that add up, derived columns computed from it.

    Of shares only Percent adds up, which is of Total; others are of their row.
    """
    of_rows = {entry.column for entry in report.derived} | {"Percent"}
    return {
        name: metric
        for name, metric in summed(report.calls, report.derived).items()
        if name in of_rows or not isinstance(metric, Percent)
    }


def microseconds(row: Row) -> float:
    """The duration of ``row``; 0 if it has none."""
    duration = row.get("Duration (us)")
    return duration.microseconds if isinstance(duration, Duration) else 0.0
