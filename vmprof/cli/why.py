"""What bounds operators, and the figures behind it, for ``vmprof show --why``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from fnmatch import fnmatchcase

from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.bounds import explain
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.visible import visible

_WIDTH = 100


def why(report: Report, pattern: str, width: int | None = None) -> str:
    """Of each operator whose name ``pattern`` is, or is in, or which it matches as a shell's would.

    The longest first. :class:`VmprofError` if there is none.
    """
    rows = sorted(merge_calls(report.calls), key=microseconds, reverse=True)
    chosen = [row for row in rows if _is_meant(str(row.get("Name", "")), pattern)]
    if not chosen:
        raise VmprofError(f"--why {pattern}: no operator has such a name; --why '*' tells of all")
    texts = []
    for row in chosen:
        head = " ".join(
            filter(None, (str(row.get("Name", "")), str(row.get("Argument Shapes", ""))))
        )
        lines = [visible(head), *_indented(explain(report, row), width or _WIDTH)]
        texts.append("".join(f"{line}\n" for line in lines))
    return "\n".join(texts)


def _indented(lines: list[str], width: int) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            visible(line), max(width, 40), initial_indent="  ", subsequent_indent="    "
        )


def _is_meant(name: str, pattern: str) -> bool:
    return pattern in name or fnmatchcase(name, pattern)
