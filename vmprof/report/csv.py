"""TVM's report CSV: a line per call, columns in alphabetical order, strings in quotes.

An event that could not be counted keeps its column, empty; the column ``Not
counted`` then says why.
"""

from __future__ import annotations

import csv
import io

from vmprof.report.model import Count, Duration, Metric, Percent, Ratio, Report
from vmprof.report.table import columns_of


def render(report: Report) -> str:
    """``report``'s calls, unmerged. Durations are in microseconds, shares in percent."""
    missing: dict[str, Metric] = {}
    if report.missing:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in report.missing.items())
        missing = {**dict.fromkeys(report.missing, ""), "Not counted": reasons}
    columns = sorted({*columns_of(report.calls), *missing})
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerow(columns)
    writer = csv.writer(output, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for call in report.calls:
        row = {**missing, **call}
        writer.writerow([_cell(row.get(column)) for column in columns])
    return output.getvalue()


def _cell(metric: Metric | None) -> int | float | str | None:
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return number
        case str():
            return metric
    return None
