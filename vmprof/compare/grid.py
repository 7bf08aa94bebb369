"""Tables that are not TVM's: of a diff, of an audit."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from vmprof.report.render.table import aligned
from vmprof.visible import visible


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """``rows`` under ``header``; the first ``text_columns`` to the left, the others to the right.

    Without blanks at the ends of lines. What is not printable is made visible.
    """
    lines = [[visible(cell.strip()) for cell in line] for line in (header, *rows)]
    columns = [*zip(*lines, strict=True)]
    return "".join(f"{line.rstrip()}\n" for line in aligned(columns, text_columns=text_columns))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """The same for a document."""
    left = ["left"] * text_columns
    text = tabulate(
        rows,
        headers=header,
        tablefmt="github",
        disable_numparse=True,
        colalign=[*left, *["right"] * (len(header) - text_columns)],
    )
    return f"{text}\n"
