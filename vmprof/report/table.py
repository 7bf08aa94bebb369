"""The table that TVM's profiler printed, character for character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tabulate import DataRow, TableFormat, tabulate

from vmprof.report.aggregate import merge_calls, without_path
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Count, Duration, Metric, Percent, Ratio, Report, Row, Samples

# These come first, in this order; the others follow alphabetically.
LEADING_COLUMNS = ("Name", "Duration (us)", "Percent", "Device", "Count", "Argument Shapes")

SEPARATOR: Row = {"Name": "----------"}
_GAP = "  "
_FORMAT = TableFormat(
    lineabove=None,
    linebelowheader=None,
    linebetweenrows=None,
    linebelow=None,
    headerrow=DataRow("", _GAP, ""),
    datarow=DataRow("", _GAP, ""),
    padding=0,
    with_header_hide=None,
)


def render(
    report: Report,
    *,
    sort: bool = True,
    aggregate: bool = True,
    col_sums: bool = True,
    by_path: bool = False,
) -> str:
    """``report`` as text.

    ``aggregate`` merges calls of the same operator with the same shapes, with
    ``by_path`` only those made in the same chain of functions, which it shows;
    ``sort`` puts the longest first, ``col_sums`` adds the line Sum. The lines
    after it are the totals per device, the configuration, the formulas of derived
    columns, and what could not be counted.
    """
    rows = list(report.calls)
    if aggregate:
        rows = merge_calls(rows, by_path=by_path)
    elif not by_path:
        rows = [without_path(row) for row in rows]
    if sort:
        rows.sort(key=_microseconds, reverse=True)
    rows = derive_rows(rows, report.derived)
    if col_sums:
        rows += [SEPARATOR, {**summed(rows, report.derived), "Name": "Sum"}]
    rows += [{**totals, "Name": "Total"} for totals in report.device_metrics.values()]
    return grid(rows, columns_of(rows)) + "\n" + notes(report)


def notes(report: Report) -> str:
    """What stands below the rows."""
    parts = [_section("Configuration", report.configuration)]
    if report.derived:
        parts.append(_section("Derived", {entry.column: entry.formula for entry in report.derived}))
    if report.missing:
        parts.append(_section("Not counted", report.missing))
    return "\n".join(parts)


def heading(report: Report) -> str:
    """``Evaluate vm inference cost of ...`` and the mean without profiling, where known."""
    lines = []
    model = report.configuration.get("Model")
    devices = [re.sub(r"(\d+)$", r"(\1)", device) for device in report.device_metrics]
    if model is not None:
        lines.append(f"Evaluate vm inference cost of {model} on {', '.join(devices)}\n")
    mean = report.configuration.get("Unprofiled mean (us)")
    std = report.configuration.get("Unprofiled std (us)")
    if isinstance(mean, Duration) and isinstance(std, Duration):
        lines.append(
            "Mean vm inference time (std dev): "
            f"{mean.microseconds / 1e3:.2f} ms ({std.microseconds / 1e3:.2f} ms)\n"
        )
    return "".join(lines)


def format_metric(metric: Metric | None) -> str:
    """A cell: thousands separators, two decimals; empty for what is not there."""
    match metric:
        case Count(value):
            return f"{value:,}"
        case Duration(microseconds):
            return f"{microseconds:,.2f}"
        case Percent(percent):
            return f"{percent:.2f}"
        case Ratio(ratio):
            # TVM's two digits, but for numbers that it would write as 1.1e+02.
            return f"{ratio:.2g}" if abs(ratio) < 99.5 else f"{ratio:,.0f}"
        case str():
            return metric
    return ""


def columns_of(rows: Iterable[Row]) -> list[str]:
    """The columns to show for ``rows``, in TVM's order."""
    found = {
        name for row in rows for name, metric in row.items() if not isinstance(metric, Samples)
    }
    return [*LEADING_COLUMNS, *sorted(found.difference(LEADING_COLUMNS))]


def grid(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """``rows`` under the names of ``columns``, in TVM's form."""
    cells = [[format_metric(row.get(column)) for column in columns] for row in rows]
    text = tabulate(
        [columns, *cells],  # as headers, tabulate would pad the names
        tablefmt=_FORMAT,
        disable_numparse=True,
        colglobalalign="right",
        colalign=("left",),
    )
    # TVM puts the gap behind the last column too; tabulate strips lines.
    lines = text.splitlines()
    width = max(map(len, lines)) + len(_GAP)
    return "".join(f"{line:<{width}}\n" for line in lines)


def _section(title: str, entries: Mapping[str, Metric]) -> str:
    lines = [title, "-" * len(title)]
    lines += [
        f"{name}: {format_metric(metric)}"
        for name, metric in entries.items()
        if not isinstance(metric, Samples)
    ]
    return "".join(f"{line}\n" for line in lines)


def _microseconds(row: Row) -> float:
    duration = row.get("Duration (us)")
    return duration.microseconds if isinstance(duration, Duration) else 0.0
