"""TVM's printed tables, any number of them, in a log of anything -> Reports.

A table begins at its header, a line ``Name  Duration (us)  ...``, and ends with
the lines Total; the section Configuration may follow, and ours has Derived and
Not counted. Of derived columns the values are read; what the formulas refer to
is not in the text. The lines ``Evaluate ...`` and ``Mean ...`` above a table say the model and how
long it takes without profiling.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from vmprof.compare.readers.cells import Numbers, parse_column, parse_setting
from vmprof.compare.readers.columns import Columns
from vmprof.compare.readers.logs import Line, Table, header_at, lines_of, tables_in
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.report.columnwise import Block, rows_of
from vmprof.report.model import Report
from vmprof.values import Duration, Metric, Row
from vmprof.visible import is_setting_name, unquoted

_TOTAL = re.compile("Total {2,}")
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*"): ')
_SEPARATOR = "----------"
_MODEL = re.compile(r"(?:^|\W)Evaluate \S+ inference cost of (.+?)(?: on \S.*)?$")
_MEAN = re.compile(
    r"(?:^|\W)Mean \S+ inference time \(std dev\): (\d+(?:\.\d+)?) ms \((\d+(?:\.\d+)?) ms\)"
)


def has_table(text: str) -> bool:
    return any(header_at(line.text) is not None for line in lines_of(text))


def parse(text: str, file: str) -> list[SavedReport]:
    """The reports in ``text``; ``file`` is what messages call it.

    Lines that belong to no table are passed over. Of a table that is cut short
    what is there is read, with a Note in its configuration, unless there is no
    row. A row that does not fit its columns is an error.
    """
    found = []
    for table in tables_in(text):
        saved = _read_table(table, file)
        report = saved.report
        if report.calls or report.device_metrics:
            configuration = {**_heading(table.above), **report.configuration}
            found.append(replace(saved, report=replace(report, configuration=configuration)))
    return [replace(found[0], where=file)] if len(found) == 1 else found


def _read_table(table: Table, file: str) -> SavedReport:
    """The table, with the sections below it."""
    header, *others = table.lines
    columns = Columns(header.text)
    grid: list[Line] = []
    has_total = False
    end = 0
    ends: list[Line | None] = [*others, None]
    for end, line in enumerate(ends):  # noqa: B007
        if line is None or line.text.rstrip() == "Configuration":
            break
        if has_total and not _TOTAL.match(line.text):
            break
        if table.is_last and line is others[-1] and not columns.is_whole(line.text):
            continue  # without a line break: the file was cut here
        if not (columns.holds(line.text) or line.text.rstrip() == _SEPARATOR):
            continue
        if not columns.fits(line.text):
            raise VmprofError(
                f"{file}, line {line.number}: {_shorten(line.text)!r} does not fit the columns of "
                f"the table that begins in line {header.number}; it is damaged, or no part of the "
                "table"
            )
        grid.append(line)
        has_total = bool(_TOTAL.match(line.text))
    numbers, rows = _parse_grid(columns, grid, file)
    calls, printed_sum, totals = _sort_out(rows, [line.text for line in grid])
    below = [line.text for line in others[end:]]
    configuration = {
        name: parse_setting(name, text, numbers) for name, text in _section("Configuration", below)
    }
    if printed_sum is not None:
        # Derived columns were computed in this line, too, and are no sum.
        derived = dict(_section("Derived", below))
        printed_sum = {name: cell for name, cell in printed_sum.items() if name not in derived}
    if not totals:
        configuration["Note"] = "the table was cut: it has no line Total"
    missing = {
        name: text if (content := unquoted(text)) is None else content
        for name, text in _section("Not counted", below)
    }
    return SavedReport(
        Report(tuple(calls), totals, configuration, missing),
        f"{file}, line {header.number}",
        printed_sum,
    )


def _shorten(line: str) -> str:
    return re.sub(" {2,}", "  ", line.strip())[:60]


def _parse_grid(
    columns: Columns, grid: Sequence[Line], file: str
) -> tuple[Numbers, list[dict[str, Metric]]]:
    cells = columns.split([line.text for line in grid])
    by_column = list(zip(columns.names, zip(*cells, strict=True), strict=False))
    numbers = Numbers.of_durations(
        cell for name, column in by_column if name == "Duration (us)" for cell in column
    )
    places = [f"{file}, line {line.number}" for line in grid]
    columns_of_rows = {
        name: parse_column(name, column, numbers, places) for name, column in by_column
    }
    return numbers, rows_of([Block(range(len(places)), columns_of_rows)])


def _sort_out(
    rows: Sequence[dict[str, Metric]], lines: Sequence[str]
) -> tuple[list[Row], Row | None, dict[str, Row]]:
    """Calls, the line Sum and the lines Total of what the grid's ``lines`` hold."""
    # By the lines, since the name of a call that stands in quotes may be any of these.
    last = len(rows)
    while last and _TOTAL.match(f"{lines[last - 1]}  "):
        last -= 1
    totals: dict[str, Row] = {}
    numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(2))
    for row in rows[last:]:
        device = name = str(row.get("Device", ""))
        while name in totals:
            name = f"{device} ({next(numbers[device])})"
        totals[name] = _without_empty(row)
    calls, printed_sum = list(rows[:last]), None
    marks = [line.rstrip() == _SEPARATOR for line in lines[:last]]
    if any(marks):
        calls = calls[: marks.index(True)]
        if lines[last - 1].startswith("Sum "):
            printed_sum = _without_empty(rows[last - 1])
    return [{"Name": "", **row} for row in calls], printed_sum, totals


def _without_empty(row: Row) -> Row:
    return {name: metric for name, metric in row.items() if metric != ""}


def _heading(lines: Sequence[Line]) -> dict[str, Metric]:
    """What the last of the lines above a table say of the model."""
    settings: dict[str, Metric] = {}
    for line in lines:
        if match := _MODEL.search(line.text):
            content = unquoted(match[1])
            settings = {"Model": match[1] if content is None else content}
        elif match := _MEAN.search(line.text):
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
        name, text = _named(line)
        if name is None:
            return
        yield name, text


def _named(line: str) -> tuple[str | None, str]:
    """The name and the text of a line ``name: text``; no name if it is none."""
    quoted = _QUOTED.match(line)
    if quoted:
        return unquoted(quoted[1]), line[quoted.end() :]
    name, colon, text = line.partition(": ")
    return (name if colon and is_setting_name(name) else None), text
