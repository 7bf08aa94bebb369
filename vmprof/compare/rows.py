"""The rows of a report as its table shows them."""

from __future__ import annotations

from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows
from vmprof.report.model import Duration, Report, Row


def merged_rows(report: Report) -> list[Row]:
    """One row per operator, shapes and device, derived columns computed anew."""
    return derive_rows(merge_calls(report.calls), report.derived)


def microseconds(row: Row) -> float:
    """The duration of ``row``; 0 if it has none."""
    duration = row.get("Duration (us)")
    return duration.microseconds if isinstance(duration, Duration) else 0.0
