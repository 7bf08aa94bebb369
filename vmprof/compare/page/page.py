"""From the parts of a comparison to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.report.model import Report
from vmprof.report.render.html import frame, render_several
from vmprof.visible import visible

# Of what a cell says: how sure it is.
_CLASSES = {"*": "real", "~": "chance", "?": "untold"}
_WORDS = {"FAILS": "worse", "DIFFERS": "worse", "ok": "better", "cannot tell": "untold"}


def page(parts: Sequence[Part], title: str) -> str:
    """``parts`` under ``title``; all that they say is text, whatever is in it."""
    return frame.page(
        "comparison.html",
        None,
        scripts=(),
        styles=("style.css", "comparison.css"),
        package=__package__,
        title=visible(title),
        blocks=_blocks(parts, title),
    )


def page_with_reports(parts: Sequence[Part], title: str, reports: Mapping[str, Report]) -> str:
    """The same above the page of the ``reports`` that were compared, by what they are called."""
    return render_several(
        reports,
        visible(title),
        template="beside.html",
        styles=("comparison.css",),
        package=__package__,
        blocks=_blocks(parts, title),
    )


def _blocks(parts: Sequence[Part], title: str) -> list[dict[str, Any]]:
    return [_block(part) for part in parts if part != Heading(title)]


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Heading(text):
            return {"kind": "heading", "text": visible(text)}
        case Prose(text, is_note):
            return {
                "kind": "prose",
                "text": text.strip("\n"),
                "mark": "note" if is_note else "said",
            }
        case Table():
            return _table(part)


def _table(table: Table) -> dict[str, Any]:
    """Without columns in which nothing is."""
    shown = [i for i, name in enumerate(table.header) if name or any(row[i] for row in table.rows)]
    first_sum = len(table.rows) - table.sums
    return {
        "kind": "table",
        "head": [
            {"text": visible(table.header[i]), "mark": _kind(table, i).removesuffix(" more")}
            for i in shown
        ],
        "rows": [
            {
                "is_sum": number >= first_sum,
                "cells": [
                    {
                        "text": row[i],
                        "mark": f"{kind} {_sureness(row[i])}".rstrip(),
                        "more": kind.endswith("more"),
                    }
                    for i in shown
                    for kind in [_kind(table, i)]
                ],
            }
            for number, row in enumerate(table.lines)
        ],
        "note": visible(table.note),
    }


def _kind(table: Table, column: int) -> str:
    """Long texts besides names are cut, and whole where one points at them."""
    if column >= table.text_columns:
        return "number"
    if column == table.names:
        return "text name"
    return "text wrapped" if column in table.wrapped else "text more"


def _sureness(cell: str) -> str:
    if cell in _WORDS:
        return _WORDS[cell]
    sureness = _CLASSES.get(cell[-1:], "") if " " in cell else ""
    if sureness != "real":
        return sureness
    return "better" if cell.startswith("-") else "worse"
