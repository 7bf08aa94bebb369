"""Report CSV, TVM's or ours -> Reports: a line per call.

Ours has the kinds of its columns and the rest of the report in its last column.
TVM's has neither; there names and cells say what a column is. Files that other
programs saved again are read, too: separated by semicolons or tabs, with decimal
commas, with quotes around everything or nothing, with a column that numbers the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from msgspec import Struct

from vmprof import json_text
from vmprof.compare.readers.cells import Numbers, parse_column
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.report.columns import holds_numbers
from vmprof.report.columnwise import Block, rows_of
from vmprof.report.model import Report
from vmprof.report.render.cells import of_kind
from vmprof.report.render.csv import EXTRAS, REASONS
from vmprof.report.render.json import from_document
from vmprof.values import Metric

# What may stand above the header: Excel's hint, and comments.
_PREAMBLE = re.compile(r'(?:[ \t]*\r?\n|"?sep=.?"?[ \t]*\r?\n|#[^\n]*\n)*', re.IGNORECASE)
_HEADER = re.compile(r'(?:"(?:[^"]|"")*"|[^"\r\n])*')
_NUMBERED = ("", "Unnamed: 0")


class _Cell(Struct, frozen=True, gc=False):
    text: str
    is_quoted: bool = False


class _Line(NamedTuple):
    place: str
    cells: Sequence[_Cell]


def has_header(text: str) -> bool:
    header = _header(text)
    return _is_header([name.strip().strip('"') for name in header.split(_separator(header))])


def parse(text: str, file: str) -> list[SavedReport]:
    """The reports in ``text``, one after the other; ``file`` is what messages call it."""
    separator = _separator(_header(text))
    parts: list[list[_Line]] = []
    for line in _split(text, separator, file):
        if not parts or _repeats(line, parts[-1][0]):
            parts.append([])
        parts[-1].append(line)
    places = [file] if len(parts) == 1 else [part[0].place for part in parts]
    return [
        SavedReport(_read_part(part, separator), place)
        for part, place in zip(parts, places, strict=True)
    ]


def _is_header(names: Sequence[str]) -> bool:
    return "Name" in names and ("Duration (us)" in names or "Count" in names)


def _header(text: str) -> str:
    """The line of names, in which there may be line breaks, in quotes."""
    preamble = _PREAMBLE.match(text)
    match = _HEADER.match(text, preamble.end() if preamble else 0)
    return match.group() if match else ""


def _separator(header: str) -> str:
    bare = re.sub(r'"(?:[^"]|"")*"', "", header)
    return max(",;\t", key=bare.count)


def _repeats(line: _Line, header: _Line) -> bool:
    """Whether another report begins at ``line``. A call that is named so stands in quotes."""
    texts = [cell.text for cell in line.cells]
    if not _is_header(texts):
        return False
    if all(cell.is_quoted for cell in header.cells):
        return texts == [cell.text for cell in header.cells]
    marks = ("Name", "Duration (us)", "Count")
    return not any(cell.is_quoted for cell in line.cells if cell.text in marks)


def _read_part(lines: Sequence[_Line], separator: str) -> Report:
    header, *others = lines
    names = [cell.text for cell in header.cells]
    for line in others:
        if len(line.cells) != len(names):
            raise VmprofError(
                f"{line.place}: {len(line.cells)} cells where the header has {len(names)}"
            )
    cells = [[line.cells[number] for line in others] for number in range(len(names))]
    extras: Mapping[str, Any] = {}
    if EXTRAS in names and others:
        at = len(names) - 1 - names[::-1].index(EXTRAS)
        told = next((cell.text for cell in cells[at] if cell.text), "")
        extras = _extras(told, others[0].place)
        del names[at], cells[at]
    if len(set(names)) < len(names):
        raise VmprofError(f"{header.place}: a column occurs twice")
    columns = dict(zip(names, cells, strict=True))
    if extras:
        return _ours(columns, extras, [line.place for line in others], separator)
    full = [any(cell.text or cell.is_quoted for cell in line.cells) for line in others]
    kept = {
        name: [cell for cell, keep in zip(column, full, strict=True) if keep]
        for name, column in columns.items()
        if not _numbers_rows(name, column)
    }
    places = [line.place for line, keep in zip(others, full, strict=True) if keep]
    missing = _missing(kept)
    shown = {n: column for n, column in kept.items() if n != REASONS and n not in missing}
    guessed = dict(_guessed(shown, places, separator))
    rows: list[dict[str, Metric]] = rows_of([Block(range(len(places)), guessed)])
    return Report(tuple(rows), {}, {}, missing)


def _split(text: str, separator: str, file: str) -> Iterator[_Line]:
    """The cells of each line that is not blank, with its place.

    Not Python's csv: that forgets which cells had quotes, and those mark a
    string that looks like a number, or one that is there and empty.
    """
    cell = re.compile(rf'(?:"((?:[^"]|"")*)"|([^"{separator}\r\n]*))({separator}|\r?\n)')
    cells: list[_Cell] = []
    preamble = _PREAMBLE.match(text)
    position = preamble.end() if preamble else 0
    number = 1 + text.count("\n", 0, position)
    place = f"{file}, line {number}"
    while position < len(text):
        match = cell.match(text, position)
        if match is None:
            raise VmprofError(
                f"{file}, line {number}: a quote or the line has no end: the file is damaged or "
                "cut short"
            )
        quoted, bare, end = match.groups()
        if quoted is None:
            cells.append(_Cell(bare))
        else:
            cells.append(_Cell(quoted.replace('""', '"'), is_quoted=True))
            number += quoted.count("\n")
        position = match.end()
        if end != separator:
            number += 1
            if len(cells) > 1 or cells[0].text or cells[0].is_quoted:
                yield _Line(place, cells)
            cells = []
            place = f"{file}, line {number}"


def _extras(text: str, place: str) -> Mapping[str, Any]:
    """What the last column of our files says; nothing if its line is not among these."""
    if not text:
        return {}
    try:
        extras = json_text.loads(text)
        if _are_kinds(extras["kinds"]) and all(map(_are_kinds, extras["cells"].values())):
            return dict(extras)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise VmprofError(f"{place}: the column {EXTRAS!r} is damaged; the file can be read without it")


def _are_kinds(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(kind, str) for kind in found.values())


def _ours(
    columns: Mapping[str, Sequence[_Cell]],
    extras: Mapping[str, Any],
    places: Sequence[str],
    separator: str,
) -> Report:
    """A report of ours; whoever saved it again may have added columns and left out lines."""
    kinds, others = extras["kinds"], extras["cells"]
    count = len(places) if extras.get("calls") else 0
    found: dict[str, list[Metric | None]] = {}
    added: dict[str, Sequence[_Cell]] = {}
    for name, cells in columns.items():
        if name not in kinds:
            if (
                name != REASONS
                and any(cell.text for cell in cells)
                and not _numbers_rows(name, cells)
            ):
                added[name] = cells
            continue
        unusual = {number: row[name] for number, row in others.items() if name in row}
        found[name] = [
            _of_kind(unusual.get(str(number), kinds[name]), cell, name, places[number])
            if cell.text or cell.is_quoted
            else None
            for number, cell in enumerate(cells[:count])
        ]
    for name, guessed in _guessed(added, places, separator):
        found[name] = guessed[:count]
    rows: list[dict[str, Metric]] = rows_of([Block(range(count), found)])
    is_cut = len(rows) < (all_calls := _number(extras.get("calls")))
    if is_cut and isinstance(configuration := extras.get("configuration"), dict):
        # Samples are of calls, by their numbers.
        kept = {name: value for name, value in configuration.items() if name != "samples"}
        extras = {**extras, "configuration": kept}
    report = replace(from_document({**extras, "calls": [{}] * len(rows)}), calls=tuple(rows))
    if is_cut:
        note = f"the CSV holds {len(rows):,} of {all_calls:,} calls"
        return replace(report, configuration={**report.configuration, "Note": note})
    return report


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _of_kind(kind: str, cell: _Cell, column: str, place: str) -> Metric:
    # Whatever programs make of quotes: a string is what stands there.
    text = cell.text
    if kind != "string":
        text = text.replace(",", ".")  # of a spreadsheet with decimal commas
    if kind == "count":
        text = text.removesuffix(".0")  # of pandas, where a count is missing
    try:
        return of_kind(kind, text)
    except (ValueError, OverflowError) as error:
        raise VmprofError(
            f"{place}, column {column!r}: {cell.text[:60]!r} is not a {kind[:20]}"
        ) from error


def _guessed(
    columns: Mapping[str, Sequence[_Cell]], places: Sequence[str], separator: str
) -> Iterator[tuple[str, list[Metric | None]]]:
    """The values of columns of which nothing is known but their names."""
    bare = [cell.text for cells in columns.values() for cell in cells if not cell.is_quoted]
    has_commas = separator != "," and any(re.fullmatch(r"-?\d+,\d+", text) for text in bare)
    numbers = Numbers("," if has_commas else ".")
    for name, cells in columns.items():
        yield name, _column(name, cells, numbers, places)


def _column(
    name: str, cells: Sequence[_Cell], numbers: Numbers, places: Sequence[str]
) -> list[Metric | None]:
    if holds_numbers(name):
        return parse_column(name, [cell.text for cell in cells], numbers, places)
    bare = ["" if cell.is_quoted else cell.text for cell in cells]
    parsed: list[Metric | None] = [None] * len(cells)
    if any(bare):
        parsed = parse_column(name, bare, numbers, places)
    if any(bare) or name == "Hash":
        # Python's csv writes a number that is not there as an empty string; and a
        # hash is never empty.
        cells = [cell if cell.text else _Cell("") for cell in cells]
    return [
        cell.text if cell.is_quoted else metric for cell, metric in zip(cells, parsed, strict=True)
    ]


def _numbers_rows(name: str, cells: Sequence[_Cell]) -> bool:
    """Whether it is the index that pandas puts first."""
    return name in _NUMBERED and all(cell.text.isdecimal() for cell in cells)


def _missing(columns: Mapping[str, Sequence[_Cell]]) -> dict[str, str]:
    """Why the empty columns are so, from the column that says it for all of them at once."""
    reasons = columns.get(REASONS)
    if not reasons:
        return {}
    empty = [name for name, cells in columns.items() if not any(cell.text for cell in cells)]
    names = "|".join(map(re.escape, sorted(empty, key=len, reverse=True)))
    _, *parts = re.split(rf"(?:^|; )({names}): ", reasons[0].text)
    return dict(zip(parts[::2], parts[1::2], strict=True))
