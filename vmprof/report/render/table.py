"""The table that TVM's profiler printed, character for character.

Text that would be mistaken when it is read again, such as the name of a kernel called
Total, stands in quotes: :mod:`vmprof.visible`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from vmprof.report.aggregate import merge_calls, without_path
from vmprof.report.columns import holds_numbers
from vmprof.report.columnwise import column_names, texts
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import LEADING_COLUMNS, Count, Duration, Metric, Percent, Ratio, Row, Samples
from vmprof.visible import cell, quoted, setting, setting_name, visible

SEPARATOR: Row = {"Name": "----------"}
_GAP = "  "


@uncollected()
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
        rows = derive_rows(merge_calls(rows, by_path=by_path), report.derived)
    elif not by_path:
        rows = [without_path(row) for row in rows]
    footer: list[Row] = []
    if col_sums:
        footer = [SEPARATOR, {**summed(rows, report.derived), "Name": "Sum"}]
    footer += [{**totals, "Name": "Total"} for totals in report.device_metrics.values()]
    if sort:
        rows.sort(key=_microseconds, reverse=True)
    return grid(rows, footer, columns_of([*rows, *footer])) + "\n" + notes(report)


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
        named = _setting(model)
        lines.append(f"Evaluate vm inference cost of {named} on {visible(', '.join(devices))}\n")
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
    text_of = _TEXTS.get(type(metric))
    return "" if text_of is None else text_of(metric)


def _ratio_text(ratio: float) -> str:
    # TVM's two digits, but for numbers that it would write as 1.1e+02.
    return f"{ratio:.2g}" if abs(ratio) < 99.5 else f"{ratio:,.0f}"


_TEXTS: Mapping[type, Callable[[Any], str]] = {
    Count: lambda count: f"{count.value:,}",
    Duration: lambda duration: f"{duration.microseconds:,.2f}",
    Percent: lambda share: f"{share.percent:.2f}",
    Ratio: lambda quotient: _ratio_text(quotient.ratio),
    str: str,
}


def columns_of(rows: Iterable[Row]) -> list[str]:
    """The columns to show for ``rows``, in TVM's order."""
    rows = [*rows]
    found = {
        name
        for name in column_names(rows)
        if any(name in row and not isinstance(row[name], Samples) for row in rows)
    }
    return [*LEADING_COLUMNS, *sorted(found.difference(LEADING_COLUMNS))]


def grid(calls: Sequence[Row], footer: Sequence[Row], columns: Sequence[str]) -> str:
    """``calls``, then the lines of ``footer``, under the names of ``columns``, in TVM's form."""
    table = [
        [
            _heading(column),
            *_cells(column, calls, is_call=True),
            *_cells(column, footer, is_call=False),
        ]
        for column in columns
    ]
    if "" in table[0]:
        named = zip(table[0], map(any, zip(*table, strict=True)), strict=True)
        # A line of nothing would be a blank line.
        table[0] = [name if is_filled else quoted("") for name, is_filled in named]
    return "".join(f"{line}\n" for line in aligned(table, text_columns=1))


def aligned(columns: Sequence[Sequence[str]], *, text_columns: int) -> list[str]:
    """The lines of ``columns``, each as wide as its widest cell and a gap behind it.

    The first ``text_columns`` are aligned to the left, the others to the right.
    """
    padded = []
    for number, cells in enumerate(columns):
        width = max(map(len, cells))
        align = str.ljust if number < text_columns else str.rjust
        padded.append([f"{align(cell, width)}{_GAP}" for cell in cells])
    return [*map("".join, zip(*padded, strict=True))]


def _heading(column: str) -> str:
    # "Name" begins the header, and would begin another one anywhere else.
    return column if column == "Name" else cell(column) or quoted(column)


def _cells(column: str, rows: Sequence[Row], *, is_call: bool) -> list[str]:
    metrics = [row.get(column, "") for row in rows]
    return texts(metrics, partial(_cell, column, is_call=is_call))


def _cell(column: str, metric: Metric, *, is_call: bool) -> str:
    if not isinstance(metric, str):
        return format_metric(metric)
    if metric and holds_numbers(column):
        return quoted(metric)
    return cell(metric, is_name=is_call and column == "Name")


def _section(title: str, entries: Mapping[str, Metric]) -> str:
    lines = [title, "-" * len(title)]
    lines += [
        f"{setting_name(name)}: {_setting(metric)}"
        for name, metric in entries.items()
        if not isinstance(metric, Samples)
    ]
    return "".join(f"{line}\n" for line in lines)


def _setting(metric: Metric) -> str:
    return setting(metric) if isinstance(metric, str) else format_metric(metric)


def _microseconds(row: Row) -> float:
    duration = row.get("Duration (us)")
    return duration.microseconds if isinstance(duration, Duration) else 0.0
