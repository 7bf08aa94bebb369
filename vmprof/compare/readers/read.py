"""Finds out what a file is, and reads it."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from vmprof import json_text
from vmprof.compare.readers import csv, text
from vmprof.compare.readers.logs import unwrapped
from vmprof.compare.readers.saved import SavedReport, names_of, reports_of
from vmprof.errors import VmprofError
from vmprof.recording.recognized import is_recording
from vmprof.report.render import parquet
from vmprof.report.render.embedded import Embedded, is_page, reports_in
from vmprof.report.render.json import from_document, parse
from vmprof.uncollected import uncollected

_Content = TypeVar("_Content", str, bytes)

# What stands for it on the command line.
STANDARD_INPUT = "-"
# Of bytes. A report of 100,000 calls with 30 repeats each has a seventh of that.
_MOST = 1 << 28
# Where in a log TVM's JSON begins, or ours.
_JSON = re.compile(r'\{\s*"calls"\s*:')
_BOMS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_reports(path: str | os.PathLike[str]) -> list[SavedReport]:
    """The reports in a file, or in standard input if ``path`` is ``-``.

    JSON, CSV, or tables in a log, one or several, one after the other, or a page or Parquet file
    of ours. At least one.
    Raises :class:`VmprofError` if it cannot be read, holds no report or a damaged one.
    """
    if path == STANDARD_INPUT:
        return _parse(_read(sys.stdin.buffer, "standard input"), "standard input")
    try:
        with Path(path).open("rb") as file:
            content = _read(file, str(path))
    except OSError as error:
        raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
    if is_recording(content):
        from vmprof.recording.reports import reports as reports_of_recording
        from vmprof.recording.saved import loads

        found = reports_of_recording(loads(content, str(path)))
        if not found:
            raise VmprofError(f"{path} is a recording in which no invocation was timed")
        return [SavedReport(report, f"{path}, {name}") for name, report in found.items()]
    return _parse(content, str(path))


def read_report(path: str | os.PathLike[str], model: str | None = None) -> SavedReport:
    """The one report in a file, or the one of ``model``; :class:`VmprofError` if there are more."""
    saved = read_reports(path)
    if model is not None:
        saved = reports_of(model, saved)
    if len(saved) > 1:
        raise VmprofError(
            f"{path} holds {len(saved)} reports; name one with --report: {names_of(saved)}"
        )
    return saved[0]


@uncollected()
def parse_reports(content: str, file: str) -> list[SavedReport]:
    """The reports in ``content``; ``file`` is what messages call it."""
    if is_page(content):
        return _embedded(content, reports_in, file)
    content = unwrapped(content)
    if content.lstrip()[:1] == "{":
        return list(_json_reports(content, file, 0))
    if csv.has_header(content):
        return csv.parse(content, file)
    if text.has_table(content):
        reports = text.parse(content, file)
        if not reports:
            raise VmprofError(f"{file} is cut short: below the header of its table is no row")
        return reports
    if first := _JSON.search(content):
        return list(_json_reports(content, file, first.start()))
    raise VmprofError(
        f"{file} is no report: neither TVM's JSON, nor CSV (a first line with the columns Name and "
        "Duration (us)), nor a text with a table (a line that begins with 'Name  Duration (us)')"
    )


def _parse(content: bytes, file: str) -> list[SavedReport]:
    if parquet.is_parquet(content):
        return _embedded(content, parquet.reports_in, file)
    return parse_reports(_decoded(content), file)


def _embedded(
    content: _Content, reports_in: Callable[[_Content], Sequence[Embedded]], file: str
) -> list[SavedReport]:
    """What ``reports_in`` finds in ``content``."""
    try:
        found = reports_in(content)
        several = len(found) > 1
        return [
            SavedReport(parse(each.json), f"{file}, {each.title}" if several else file)
            for each in found
        ]
    except VmprofError as error:
        raise VmprofError(f"{file}: {error}") from error


def _read(file: BinaryIO, name: str) -> bytes:
    content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise VmprofError(f"{name} is no report: it has more than {_MOST >> 20} MiB")
    return content


def _decoded(content: bytes) -> str:
    # Logs hold anything. A byte that is no UTF-8 shows as U+FFFD and hurts nothing else.
    encoding = "utf-8-sig"
    if content.startswith(_BOMS_OF_UTF_16) and b"\0" in content[:100]:
        encoding = "utf-16"
    decoded = content.decode(encoding, errors="replace")
    # Lines may end as they did on old Macs.
    return decoded if "\n" in decoded else decoded.replace("\r", "\n")


def _json_reports(content: str, file: str, begin: int) -> Iterator[SavedReport]:
    """The documents in ``content`` from ``begin`` on; between them may be lines of a log."""
    first = begin = json_text.skip_blanks(content, begin)
    is_log = begin > 0 and bool(content[:begin].strip())
    line = 1 + content.count("\n", 0, begin)
    while begin < len(content):
        place = file if begin == first and not is_log and line == 1 else f"{file}, line {line}"
        try:
            try:
                document, end = json_text.scan(content, begin)
            except ValueError:
                # What TVM wrote of numbers that are none. Lines stay where they are.
                content = content[:begin] + json_text.with_json_numbers(content[begin:])
                document, end = json_text.scan(content, begin)
        except ValueError as error:
            raise VmprofError(f"{place}: not a report: the JSON is broken: {error}") from error
        try:
            yield SavedReport(from_document(document), place)
        except VmprofError as error:
            raise VmprofError(f"{place}: {error}") from error
        following = json_text.skip_blanks(content, end)
        if is_log or content[following : following + 1] not in ("{", ""):
            found = _JSON.search(content, end)
            following = found.start() if found else len(content)
        line += content.count("\n", begin, following)
        begin = following
