"""The table that TVM's profiler printed, character for character.

Text that would be mistaken when it is read again, such as the name of a kernel called
Total, stands in quotes: :mod:`vmprof.visible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from vmprof.report.aggregate import merge_calls, without_path
from vmprof.report.columns import holds_numbers
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
        rows = merge_calls(rows, by_path=by_path)
    elif not by_path:
        rows = [without_path(row) for row in rows]
    if sort:
        rows.sort(key=_microseconds, reverse=True)
    rows = derive_rows(rows, report.derived)
    footer: list[Row] = []
    if col_sums:
        footer = [SEPARATOR, {**summed(rows, report.derived), "Name": "Sum"}]
    footer += [{**totals, "Name": "Total"} for totals in report.device_metrics.values()]
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


def grid(calls: Sequence[Row], footer: Sequence[Row], columns: Sequence[str]) -> str:
    """``calls``, then the lines of ``footer``, under the names of ``columns``, in TVM's form."""
    lines = [[_heading(column) for column in columns]]
    lines += [_cells(row, columns, is_call=True) for row in calls]
    lines += [_cells(row, columns, is_call=False) for row in footer]
    return "".join(f"{line}\n" for line in aligned(lines, text_columns=1))


def aligned(lines: Sequence[Sequence[str]], *, text_columns: int) -> list[str]:
    """``lines`` of cells, each column as wide as its widest cell and a gap behind it.

    The first ``text_columns`` are aligned to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "".join(
            f"{text:{'<' if number < text_columns else '>'}{width}}{_GAP}"
            for number, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _heading(column: str) -> str:
    # "Name" begins the header, and would begin another one anywhere else.
    return column if column == "Name" else cell(column) or quoted(column)


def _cells(row: Row, columns: Sequence[str], *, is_call: bool) -> list[str]:
    cells = [_cell(column, row.get(column), is_call=is_call) for column in columns]
    if not any(cells):
        cells[0] = quoted("")  # or it would be a blank line
    return cells


def _cell(column: str, metric: Metric | None, *, is_call: bool) -> str:
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
