"""TVM's report CSV: a line per call, columns in alphabetical order, strings in quotes.

A cell that is not there has nothing in it, an empty string its quotes. An event that
could not be counted keeps its column, empty; the column ``Not counted`` then says
why. The last column, ``vmprof``, has in its first line what CSV cannot say, as JSON:
the kinds of the columns, and the rest of the report. It is a column, so that whoever
reads CSV reads this, too: pandas, spreadsheets, awk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from vmprof import json_text
from vmprof.report.columnwise import blocks, texts
from vmprof.report.model import Report
from vmprof.report.render.cells import kinds_of
from vmprof.report.render.json import to_document
from vmprof.report.render.table import columns_of
from vmprof.uncollected import uncollected
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row

# The column with the reasons of all columns that are empty.
REASONS = "Not counted"
# The last column, of which the reader knows our files.
EXTRAS = "vmprof"


@uncollected()
def render(report: Report, *, extras: bool = True) -> str:
    """``report``'s calls, unmerged. Durations are in microseconds, shares in percent.

    Without ``extras`` there is no column ``vmprof``: the CSV is TVM's own, and says less.
    """
    reasons: dict[str, Metric] = {}
    if report.missing and not any(REASONS in call for call in report.calls):
        told = "; ".join(f"{name}: {reason}" for name, reason in report.missing.items())
        reasons = {REASONS: told}
    columns = sorted({*columns_of(report.calls), *report.missing, *reasons})
    header = ",".join(map(_header, columns))
    if not extras:
        plain = "".join(f"{line}\n" for line in _lines(report.calls, columns, reasons))
        return json_text.encodable(f"{header}\n{plain}")
    # Without a call the extras need a line all the same.
    lines = _lines(report.calls, columns, reasons) or ["," * (len(columns) - 1)]
    lines = [f"{line},\n" for line in lines]
    lines[0] = f"{lines[0][:-1]}{_quoted(json_text.dumps(_extras(report), compact=True))}\n"
    return json_text.encodable(f"{header},{EXTRAS}\n{''.join(lines)}")


def _lines(calls: Sequence[Row], columns: Sequence[str], others: Row) -> list[str]:
    """The cells of ``columns`` of each call; ``others`` stand in each line."""
    lines = [""] * len(calls)
    always: dict[str, Iterable[str]] = {name: repeat(_cell(cell)) for name, cell in others.items()}
    for block in blocks(calls):
        known = always | {name: texts(cells, _cell) for name, cells in block.columns.items()}
        cells = zip(*(known.get(column, repeat("")) for column in columns), strict=False)
        for place, line in zip(block.places, cells, strict=False):
            lines[place] = ",".join(line)
    return lines


def _extras(report: Report) -> Mapping[str, Any]:
    """What the cells do not say.

    ``calls`` is how many there are; ``kinds`` has the kind of each of their columns,
    ``cells`` by call the kinds of those that are of another one, as
    :func:`vmprof.report.render.json.kind_of` calls them. The rest is as in report JSON.
    """
    kinds: dict[str, str] = {}
    others: dict[str, dict[str, str]] = {}
    for block in blocks(report.calls):
        for name, cells in block.columns.items():
            column = json_text.encodable(name)  # as the header has it
            for place, kind in zip(block.places, kinds_of(cells), strict=True):
                if kind != "samples" and kinds.setdefault(column, kind) != kind:
                    others.setdefault(str(place), {})[column] = kind
    document = to_document(replace(report, calls=()))
    return {**document, "calls": len(report.calls), "kinds": kinds, "cells": others}


def _header(name: str) -> str:
    # A line that begins with # is a comment to many readers, to ours as well.
    is_bare = name.isprintable() and not set(name) & set(',;"#') and name.strip() == name != ""
    return name if is_bare else _quoted(name)


def _cell(metric: Metric | None) -> str:
    if isinstance(metric, str):
        return _quoted(metric)
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return str(number)
    return ""


def _quoted(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'
