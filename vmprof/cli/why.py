"""What bounds operators, and the figures behind it, for ``vmprof show --why``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.bounds import Bound, bounds
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.values import Row
from vmprof.visible import visible

_WIDTH = 100


@dataclass(frozen=True)
class Case:
    """An operator of the report called ``title``, merged as ``row``, and what bounds it."""

    title: str
    row: Row
    bound: Bound

    @property
    def name(self) -> str:
        return str(self.row.get("Name", ""))

    @property
    def shapes(self) -> str:
        return str(self.row.get("Argument Shapes", ""))


def cases(reports: Mapping[str, Report], pattern: str) -> list[Case]:
    """The operators whose name ``pattern`` is, or is in, or which it matches as a shell's would.

    Of ``reports`` by their titles, of each the longest first. :class:`VmprofError` if there is
    none.
    """
    found = [
        case
        for title, report in reports.items()
        for case in _of_report(title, report)
        if _is_meant(case.name, pattern)
    ]
    if not found:
        raise VmprofError(f"--why {pattern}: no operator has such a name; --why '*' tells of all")
    return found


def text(found: list[Case], width: int | None = None) -> str:
    """Each with its figures, below the title of its report if there are several."""
    several = len({case.title for case in found}) > 1
    parts = []
    title = ""
    for case in found:
        if several and case.title != title:
            title = case.title
            parts.append(f"{visible(title)}\n{'-' * len(visible(title))}\n")
        head = " ".join(filter(None, (case.name, case.shapes)))
        said = [f"{case.bound.word}: {case.bound.because}", *case.bound.figures]
        lines = [visible(head), *_indented(said, width or _WIDTH)]
        parts.append("".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def json(found: list[Case]) -> str:
    """The same as JSON; ``us`` has numbers in microseconds of a mean call."""
    return f"{json_text.dumps({'operators': [*map(_document, found)]}, indent=1)}\n"


def _document(case: Case) -> dict[str, Any]:
    bound = case.bound
    return {
        "report": case.title,
        "name": case.name,
        "argument_shapes": case.shapes,
        "bound": bound.word,
        "because": bound.because,
        "figures": list(bound.figures),
        "us": dict(bound.us),
        "above_roof": bound.above or None,
    }


def _of_report(title: str, report: Report) -> Iterator[Case]:
    of_keys = bounds(report)
    for row in sorted(merge_calls(report.calls), key=microseconds, reverse=True):
        yield Case(title, row, of_keys[merge_key(row)])


def _indented(lines: list[str], width: int) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            visible(line), max(width, 40), initial_indent="  ", subsequent_indent="    "
        )


def _is_meant(name: str, pattern: str) -> bool:
    return pattern in name or fnmatchcase(name, pattern)
