"""Report CSV, TVM's or ours -> Report: a line per call.

It holds no totals and no configuration, so the report has none. Files that a
spreadsheet saved again are read, too: separated by semicolons or tabs, with
decimal commas, with quotes around everything or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vmprof.compare.readers.cells import Numbers, is_number, parse_column, rows_of
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.report.model import Metric, Report

_REASONS = "Not counted"


class _Cell(NamedTuple):
    text: str
    is_quoted: bool = False


def has_header(text: str) -> bool:
    first_line = text.split("\n", 1)[0]
    names = {name.strip().strip('"') for name in first_line.split(_separator(first_line))}
    return "Name" in names and bool(names & {"Duration (us)", "Count"})


def parse(text: str, file: str) -> list[SavedReport]:
    """The one report in ``text``; ``file`` is what messages call it."""
    separator = _separator(text.split("\n", 1)[0])
    lines = _split(text, separator, file)
    header_place, header = lines[0]
    names = [cell.text for cell in header]
    if len(set(names)) < len(names):
        raise VmprofError(f"{header_place}: a column occurs twice")
    for place, cells in lines[1:]:
        if len(cells) != len(names):
            raise VmprofError(f"{place}: {len(cells)} cells where the header has {len(names)}")
    places = [place for place, _ in lines[1:]]
    columns = {name: [cells[number] for _, cells in lines[1:]] for number, name in enumerate(names)}
    missing = _missing(columns)
    bare = [cell.text for cells in columns.values() for cell in cells if not cell.is_quoted]
    has_commas = separator != "," and any(re.fullmatch(r"-?\d+,\d+", text) for text in bare)
    numbers = Numbers("," if has_commas else ".")
    rows = rows_of(
        [
            (name, _column(name, cells, numbers, places))
            for name, cells in columns.items()
            if name != _REASONS and name not in missing
        ]
    )
    return [SavedReport(Report(tuple(rows), {}, {}, missing), file)]


def _separator(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=bare.count)


def _split(text: str, separator: str, file: str) -> list[tuple[str, list[_Cell]]]:
    """The cells of each line, with its place.

    Not Python's csv: that forgets which cells had quotes, and those mark a
    string that looks like a number.
    """
    cell = re.compile(rf'(?:"((?:[^"]|"")*)"|([^"{separator}\r\n]*))({separator}|\r?\n)')
    lines: list[tuple[str, list[_Cell]]] = []
    cells: list[_Cell] = []
    position, number = 0, 1
    while position < len(text):
        place = f"{file}, line {number}"
        match = cell.match(text, position)
        if match is None:
            raise VmprofError(
                f"{place}: a quote or the line has no end: the file is damaged or cut short"
            )
        quoted, bare, end = match.groups()
        if quoted is None:
            cells.append(_Cell(bare))
        else:
            cells.append(_Cell(quoted.replace('""', '"'), is_quoted=True))
        if end != separator:
            if any(cell.text or cell.is_quoted for cell in cells):
                lines.append((place, cells))
            cells = []
        number += match.group().count("\n")
        position = match.end()
    return lines


def _column(
    name: str, cells: Sequence[_Cell], numbers: Numbers, places: Sequence[str]
) -> list[Metric | None]:
    if is_number(name):
        return parse_column(name, [cell.text for cell in cells], numbers, places)
    bare = ["" if cell.is_quoted else cell.text for cell in cells]
    parsed: list[Metric | None] = [None] * len(cells)
    if any(bare):
        parsed = parse_column(name, bare, numbers, places)
        # Python's csv writes a number that is not there as an empty string.
        cells = [cell if cell.text else _Cell("") for cell in cells]
    return [
        cell.text if cell.is_quoted else metric for cell, metric in zip(cells, parsed, strict=True)
    ]


def _missing(columns: dict[str, list[_Cell]]) -> dict[str, str]:
    """Why the empty columns are so, from the column that says it for all of them at once."""
    reasons = columns.get(_REASONS)
    if not reasons:
        return {}
    empty = [name for name, cells in columns.items() if not any(cell.text for cell in cells)]
    names = "|".join(map(re.escape, sorted(empty, key=len, reverse=True)))
    _, *parts = re.split(rf"(?:^|; )({names}): ", reasons[0].text)
    return dict(zip(parts[::2], parts[1::2], strict=True))
