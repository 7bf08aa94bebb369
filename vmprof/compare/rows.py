"""The rows of a report as its table shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Report
from vmprof.report.sampled import SAMPLES
from vmprof.values import Duration, Percent, Row

# Numbers of which a difference says nothing, and why.
NOT_COMPARED: Mapping[str, str] = {
    SAMPLES: "their number depends on how many runs were sampled; vmprof annotate says of what "
    "they are"
}


def not_compared(rows: Iterable[Row]) -> dict[str, str]:
    """Of :data:`NOT_COMPARED` what ``rows`` have."""
    found = {name for row in rows for name in NOT_COMPARED if name in row}
    return {name: why for name, why in NOT_COMPARED.items() if name in found}


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
