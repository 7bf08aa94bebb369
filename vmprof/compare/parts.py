"""What a comparison says, before it is a text, a screen or a page: headings, texts, tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.compare.grid import grid
from vmprof.compare.grid import markdown as markdown_table
from vmprof.visible import visible


@dataclass(frozen=True)
class Heading:
    """A line that is underlined, if it is not the ``is_plain`` first one of several."""

    text: str
    is_plain: bool = False


@dataclass(frozen=True)
class Prose:
    """Lines as they are; ``is_note``: how to read what stands above."""

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Table:
    """``rows`` under ``header``; the first ``text_columns`` are texts, the others numbers.

    Where there is no room for all: names in the column ``names`` are shortened, the columns of
    ``yielding``, group by group, are left out, the last group first, and texts in the columns
    ``wrapped`` go on in the next line. The last ``sums`` rows are of the others.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    names: int | None = None
    yielding: Sequence[Sequence[int]] = ()
    wrapped: Sequence[int] = ()
    sums: int = 0
    note: str = ""

    @property
    def lines(self) -> list[list[str]]:
        """The rows, what does not print made visible."""
        return [[visible(cell.strip()) for cell in row] for row in self.rows]


Part = Heading | Prose | Table


def plain(parts: Sequence[Part]) -> str:
    """The same for pipes and files, however wide it gets."""
    return "\n".join(map(_plain, parts))


def _plain(part: Part) -> str:
    match part:
        case Heading(text, is_plain):
            line = visible(text)
            return f"{line}\n" if is_plain else f"{line}\n{'-' * len(line)}\n"
        case Prose(text):
            return text
        case Table():
            rows = [*part.rows]
            if part.sums:
                rows.insert(len(rows) - part.sums, ["----------", *[""] * (len(part.header) - 1)])
            note = f"{part.note}\n" if part.note else ""
            return grid(part.header, rows, text_columns=part.text_columns) + note


def markdown(parts: Sequence[Part]) -> str:
    """The same for a comment, or the summary of a job: GitHub's and GitLab's form."""
    return "\n".join(map(_markdown, parts))


# What means something in Markdown; an underscore within a word does not.
_MARKS = re.compile(r"[\\`*{}\[\]<>&#|~$]|(?<![^\W_])_|_(?![^\W_])")


def _unmarked(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", visible(text.strip()))


def _markdown(part: Part) -> str:
    match part:
        case Heading(text):
            return f"### {_unmarked(text)}\n"
        case Prose(text):
            # As it stands, with its indents, and nothing in it that means anything.
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
            return f"{fence}text\n{text.rstrip()}\n{fence}\n"
        case Table():
            rows = [[_unmarked(cell) for cell in row] for row in part.rows]
            header = [_unmarked(cell) for cell in part.header]
            note = f"\n{_unmarked(part.note)}\n" if part.note else ""
            return markdown_table(header, rows, text_columns=part.text_columns) + note
