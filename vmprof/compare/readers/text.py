"""TVM's printed tables, any number of them, in a log of anything -> Reports.

A table begins at its header, a line ``Name  Duration (us)  ...``, and ends with
the lines Total; the section Configuration may follow, and ours has Derived and
Not counted. Of derived columns the values are read; what the formulas refer to
is not in the text. The lines ``Evaluate ...`` and ``Mean ...`` above a table say the model and how
long it takes without profiling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vmprof.compare.readers.cells import Numbers, parse_column, parse_setting, rows_of
from vmprof.compare.readers.columns import Columns
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.report.model import Duration, Metric, Report, Row

_HEADER = re.compile(r"Name {2,}(?:.*\b)?(?:Duration \(us\)|Count)(?: |$)")
_TOTAL = re.compile("Total {2,}")
_SEPARATOR = "----------"
_MODEL = re.compile(r"Evaluate \S+ inference cost of (.+?)(?: on \S.*)?$")
_MEAN = re.compile(r"Mean \S+ inference time \(std dev\): ([\d.]+) ms \(([\d.]+) ms\)")
_SETTING_NAME = re.compile(r"[A-Za-z]\S*(?: \S+)*")
_LOG_LEVEL = re.compile(r"(?:warning|error|info|debug)\b", re.IGNORECASE)


def has_table(text: str) -> bool:
    return any(_HEADER.match(line) for line in text.split("\n"))


def parse(text: str, file: str) -> list[SavedReport]:
    """The reports in ``text``; ``file`` is what messages call it.

    Lines that belong to no table are passed over. Of a table that is cut short
    what is there is read, with a Note in its configuration, unless there is no
    row. A row that does not fit its columns is an error.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    found = []
    above = 0
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        saved = _read_table(lines, start, end, file)
        report = saved.report
        if report.calls or report.device_metrics:
            configuration = {**_heading(lines[above:start]), **report.configuration}
            found.append(replace(saved, report=replace(report, configuration=configuration)))
        above = start + 1
    return [replace(found[0], where=file)] if len(found) == 1 else found


def _read_table(lines: Sequence[str], start: int, end: int, file: str) -> SavedReport:
    columns = Columns(lines[start])
    grid: dict[int, str] = {}
    has_total = False
    after = start + 1
    while after < end:
        line = lines[after]
        if line.rstrip() == "Configuration" or (has_total and not _TOTAL.match(line)):
            break
        if after + 1 == len(lines) and not columns.is_whole(line):
            pass  # without a line break: the file was cut here
        elif _is_row(line) and columns.fits(line):
            grid[after] = line
            has_total = bool(_TOTAL.match(line))
        elif _is_row(line):
            raise VmprofError(
                f"{file}, line {after + 1}: {_shorten(line)!r} does not fit the columns of the "
                f"table that begins in line {start + 1}; it is damaged, or no part of the table"
            )
        after += 1
    numbers, rows = _parse_grid(columns, grid, file)
    calls, printed_sum, totals = _sort_out(rows)
    below = lines[after:end]
    configuration = {
        name: parse_setting(name, text, numbers) for name, text in _section("Configuration", below)
    }
    if printed_sum is not None:
        # Derived columns were computed in this line, too, and are no sum.
        derived = dict(_section("Derived", below))
        printed_sum = {name: cell for name, cell in printed_sum.items() if name not in derived}
    if not totals:
        configuration["Note"] = "the table was cut: it has no line Total"
    return SavedReport(
        Report(
            calls=tuple(calls),
            device_metrics=totals,
            configuration=configuration,
            missing=dict(_section("Not counted", below)),
        ),
        f"{file}, line {start + 1}",
        printed_sum,
    )


def _is_row(line: str) -> bool:
    """Not blank, nor words with one space between them, whatever those are."""
    return "  " in line.strip() or line.rstrip() == _SEPARATOR


def _shorten(line: str) -> str:
    return re.sub(" {2,}", "  ", line.strip())[:60]


def _parse_grid(
    columns: Columns, grid: Mapping[int, str], file: str
) -> tuple[Numbers, list[dict[str, Metric]]]:
    cells = columns.split(list(grid.values()))
    by_column = list(zip(columns.names, zip(*cells, strict=True), strict=False))
    numbers = Numbers.of_durations(
        cell for name, column in by_column if name == "Duration (us)" for cell in column
    )
    places = [f"{file}, line {number + 1}" for number in grid]
    rows = rows_of(
        [(name, parse_column(name, column, numbers, places)) for name, column in by_column]
    )
    return numbers, rows


def _sort_out(
    rows: Sequence[dict[str, Metric]],
) -> tuple[list[Row], Row | None, dict[str, Row]]:
    """Calls, the line Sum and the lines Total of what the grid holds."""
    last = len(rows)
    while last and rows[last - 1].get("Name") == "Total":
        last -= 1
    totals = {str(row.get("Device", "")): _without_empty(row) for row in rows[last:]}
    calls, printed_sum = list(rows[:last]), None
    names = [row.get("Name") for row in calls]
    if _SEPARATOR in names:
        calls = calls[: names.index(_SEPARATOR)]
        if names[-1] == "Sum":
            printed_sum = _without_empty(rows[last - 1])
    return [{"Name": "", **row} for row in calls], printed_sum, totals


def _without_empty(row: Row) -> Row:
    return {name: metric for name, metric in row.items() if metric != ""}


def _heading(lines: Sequence[str]) -> dict[str, Metric]:
    """What the last of the lines above a table say of the model."""
    settings: dict[str, Metric] = {}
    for line in lines:
        if match := _MODEL.match(line):
            settings = {"Model": match[1]}
        elif match := _MEAN.match(line):
            mean, std = (round(float(text) * 1e3, 3) for text in match.groups())
            settings["Unprofiled mean (us)"] = Duration(mean)
            settings["Unprofiled std (us)"] = Duration(std)
    return settings


def _section(title: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and texts of the section ``title``, up to the first line that is of another form."""
    titles = [line.rstrip() for line in lines]
    if title not in titles:
        return
    for line in lines[titles.index(title) + 2 :]:
        name, colon, text = line.partition(": ")
        if not colon or not _SETTING_NAME.fullmatch(name) or _LOG_LEVEL.match(name):
            return
        yield name, text
