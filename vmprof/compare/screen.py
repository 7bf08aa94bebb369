"""A comparison for people at a terminal: as wide as that, colour for what matters."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.report.render.console import console as console_of
from vmprof.report.render.console import trimmed
from vmprof.report.render.names import shortened
from vmprof.visible import visible

_GAP = 2
_NARROW = 60  # the least width that is used
_NAME = 20  # what names are never shortened below
_WRAPPED = 24
_MARK = re.compile(r"(?:\S|DIFFERS)  (?=\S)")
# Of a cell, what it says and how that looks.
_STYLES = (
    (re.compile(r"^\+.* \*$|^from 0 \*$|FAILS|DIFFERS"), "bold red"),
    (re.compile(r"^-.* \*$|^ok$"), "green"),
    (re.compile(r" \?$|^cannot tell$"), "yellow"),
    (re.compile(r" ~$|^=$"), "dim"),
    (re.compile(r"^(new|gone)$"), "cyan"),
)


def render(parts: Sequence[Part], *, width: int, colour: bool) -> str:
    """``parts`` in ``width`` characters."""
    console, output = console_of(max(width, _NARROW), colour=colour)
    for number, part in enumerate(parts):
        if number:
            console.print()
        _print(part, console)
    return trimmed(output)


def _print(part: Part, console: Console) -> None:
    match part:
        case Heading(text):
            console.print(Text(visible(text), "bold"))
        case Prose(text, is_note):
            for line in _refilled(text, console.width, is_note=is_note):
                console.print(Text(line, "dim" if is_note else ""))
        case Table():
            _print_table(part, console)


def _refilled(text: str, width: int, *, is_note: bool) -> list[str]:
    """Lines that do not fit go on in the next, of a note below its text and not its mark."""
    lines: list[str] = []
    for line in text.rstrip("\n").split("\n"):
        if is_note and lines and line and lines[-1] and not _MARK.match(line):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    found: list[str] = []
    for line in lines:
        mark = _MARK.match(line) if is_note else re.match(r"\s*", line)
        blanks = " " * (mark.end() if mark else 0)
        found += textwrap.wrap(line, width, subsequent_indent=blanks) or [""]
    return found


def _print_table(table: Table, console: Console) -> None:
    header, lines = [*map(visible, table.header)], table.lines
    widths = [
        max(map(cell_len, [header[i], *(line[i] for line in lines)])) for i in range(len(header))
    ]
    least = widths[:]
    for i in table.wrapped:
        least[i] = min(least[i], _WRAPPED)
    if table.names is not None:
        least[table.names] = min(least[table.names], _NAME)
    shown = [i for i in range(len(header)) if widths[i]]
    left_out: list[str] = []
    for group in reversed(table.yielding):
        if sum(least[i] + _GAP for i in shown) - _GAP <= console.width:
            break
        shown = [i for i in shown if i not in group]
        left_out.insert(0, header[group[0]])
    room = console.width - sum(least[i] + _GAP for i in shown) + _GAP
    texts = [i for i in shown if i == table.names or i in table.wrapped]
    # What needs little gets it; what needs more shares the rest.
    for done, i in enumerate(sorted(texts, key=widths.__getitem__)):
        more = max(0, min(widths[i] - least[i], room // (len(texts) - done)))
        least[i] += more
        room -= more
    if table.names is not None:
        names = shortened([line[table.names] for line in lines], least[table.names])
        for line, name in zip(lines, names, strict=True):
            line[table.names] = name
    grid = Grid(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    grid.show_header = any(header[i] for i in shown)
    for i in shown:
        grid.add_column(
            Text(header[i]),
            justify="left" if i < table.text_columns else "right",
            no_wrap=i not in table.wrapped,
            width=least[i],
        )
    for number, line in enumerate(lines):
        if table.sums and number == len(lines) - table.sums:
            grid.add_row()
        grid.add_row(*(Text(line[i], _style(line[i])) for i in shown))
    console.print(grid)
    if left_out:
        console.print(Text(f"\nNot shown, for want of room: {', '.join(left_out)}", "dim"))
    if table.note:
        console.print(Text(f"\n{visible(table.note)}", "dim"))


def _style(cell: str) -> str:
    return next((style for pattern, style in _STYLES if pattern.search(cell)), "")
