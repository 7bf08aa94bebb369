"""Finds out what a file is, and reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from vmprof.compare.readers import csv, text
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.record.report import reports as reports_of_recording
from vmprof.record.saved import is_recording, loads
from vmprof.report.json import parse as parse_json


def read_reports(path: str | os.PathLike[str]) -> list[SavedReport]:
    """The reports in a file: JSON (one or several, one after the other), CSV, a log of tables, or
    a session's recording.

    At least one. Raises :class:`VmprofError` if it cannot be read, holds no
    report or a damaged one.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
    if is_recording(content):
        found = reports_of_recording(loads(content, str(path)))
        if not found:
            raise VmprofError(f"{path} is a recording in which no invocation was timed")
        return [SavedReport(report, f"{path}, {name}") for name, report in found.items()]
    # Logs hold anything. A byte that is no UTF-8 shows as U+FFFD and hurts nothing else.
    return parse_reports(content.decode("utf-8-sig", errors="replace"), str(path))


def parse_reports(content: str, file: str) -> list[SavedReport]:
    """The reports in ``content``; ``file`` is what messages call it."""
    if content.lstrip().startswith("{"):
        return list(_json_reports(content, file))
    if text.has_table(content):
        reports = text.parse(content, file)
        if not reports:
            raise VmprofError(f"{file} is cut short: below the header of its table is no row")
        return reports
    if csv.has_header(content):
        return csv.parse(content, file)
    raise VmprofError(
        f"{file} is no report: neither TVM's JSON, nor CSV, nor a text with a table "
        "(a line that begins with 'Name  Duration (us)')"
    )


def _json_reports(content: str, file: str) -> Iterator[SavedReport]:
    decoder = json.JSONDecoder()
    position = 0
    while rest := content[position:].lstrip():
        begin = len(content) - len(rest)
        line = content.count("\n", 0, begin) + 1
        place = file if position == 0 and line == 1 else f"{file}, line {line}"
        try:
            _, length = decoder.raw_decode(rest)
        except ValueError:
            length = len(rest)  # whoever parses it says what is wrong
        try:
            yield SavedReport(parse_json(rest[:length]), place)
        except VmprofError as error:
            raise VmprofError(f"{place}: {error}") from error
        position = begin + length
