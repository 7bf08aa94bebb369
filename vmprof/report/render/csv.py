"""TVM's report CSV: a line per call, columns in alphabetical order, strings in quotes.

A cell that is not there has nothing in it, an empty string its quotes. An event that
could not be counted keeps its column, empty; the column ``Not counted`` then says
why. The last column, ``vmprof``, has in its first line what CSV cannot say, as JSON:
the kinds of the columns, and the rest of the report. It is a column, so that whoever
reads CSV reads this, too: pandas, spreadsheets, awk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from vmprof import json_text
from vmprof.report.model import Report
from vmprof.report.render.cells import kind_of
from vmprof.report.render.json import to_document
from vmprof.report.render.table import columns_of
from vmprof.uncollected import uncollected
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Samples

# The column with the reasons of all columns that are empty.
REASONS = "Not counted"
# The last column, of which the reader knows our files.
EXTRAS = "vmprof"


@uncollected()
def render(report: Report) -> str:
    """``report``'s calls, unmerged. Durations are in microseconds, shares in percent."""
    reasons: dict[str, Metric] = {}
    if report.missing and not any(REASONS in call for call in report.calls):
        told = "; ".join(f"{name}: {reason}" for name, reason in report.missing.items())
        reasons = {REASONS: told}
    columns = sorted({*columns_of(report.calls), *report.missing, *reasons})
    lines = [[*map(_header, columns), EXTRAS]]
    # Without a call the extras need a line all the same.
    for number, call in enumerate(report.calls or ({},)):
        row = {**reasons, **call} if report.calls else {}
        extras = "" if number else _quoted(json_text.dumps(_extras(report), compact=True))
        lines.append([*(_cell(row.get(column)) for column in columns), extras])
    return json_text.encodable("".join(f"{','.join(line)}\n" for line in lines))


def _extras(report: Report) -> Mapping[str, Any]:
    """What the cells do not say.

    ``calls`` is how many there are; ``kinds`` has the kind of each of their columns,
    ``cells`` by call the kinds of those that are of another one, as
    :func:`vmprof.report.render.json.kind_of` calls them. The rest is as in report JSON.
    """
    kinds: dict[str, str] = {}
    others: dict[str, dict[str, str]] = {}
    named = lru_cache(maxsize=None)(json_text.encodable)  # as the header has it
    for number, call in enumerate(report.calls):
        for name, metric in call.items():
            if not isinstance(metric, Samples):
                column, kind = named(name), kind_of(metric)
                if kinds.setdefault(column, kind) != kind:
                    others.setdefault(str(number), {})[column] = kind
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
