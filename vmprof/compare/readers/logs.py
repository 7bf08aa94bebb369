"""What logs put around the lines of a table: colours, times, the names of containers, quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = re.compile(r"Name {2,}(?:.*\b)?(?:Duration \(us\)|Count)(?: |$)")
_LONGEST = 10_000  # of headers; some logs have lines of megabytes
# Colours and other sequences that steer a terminal.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# What differs from line to line of one source: times of all forms.
_TIME = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[A-Z][a-z][a-z] [ \d]\d (?=\d\d:\d\d:\d\d)"
    r"| *\d+\.\d{3,}"
)
# A word before the header makes it a sentence; a time or a mark does not.
_PREFIX = re.compile(r"\s*|.*[^\w\s]\s*|.*\dZ?\s+")


@dataclass(frozen=True)
class Line:
    """A line of the text, the first being number 1, without what the log put before it.

    ``is_foreign`` where it is of another source.
    """

    number: int
    text: str
    is_foreign: bool = False


def lines_of(text: str) -> list[Line]:
    """The lines of ``text`` as a terminal would have shown them in the end, without colours."""
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if "\x1b" in text:
        lines = (_ESCAPE.sub("", line) for line in lines)
    return [Line(number, line) for number, line in enumerate(lines, 1)]


def header_at(line: str) -> int | None:
    """Where in ``line`` the header of a table begins; None if it holds none."""
    match = _HEADER.search(line) if len(line) <= _LONGEST else None
    if match is None or not _PREFIX.fullmatch(line, 0, match.start()):
        return None
    return match.start()


def without_prefix(lines: Sequence[Line], header: Line) -> list[Line]:
    """``lines``, among them ``header``, without what stands before the header and its lines.

    Where the line after it does not begin like that, the header alone does.
    """
    at = header_at(header.text) or 0
    prefix = _pattern(header.text[:at])
    follows = next((line for line in lines if line.number > header.number and line.text), None)
    if not at or follows is None or _stripped(follows, prefix).is_foreign:
        return [Line(each.number, each.text[at:]) if each == header else each for each in lines]
    return [_stripped(line, prefix) for line in lines]


def _pattern(prefix: str) -> re.Pattern[str]:
    """What matches ``prefix`` at another time."""
    parts: list[str] = []
    position = 0
    for time in _TIME.finditer(prefix):
        parts += [re.escape(prefix[position : time.start()]), f"(?:{_TIME.pattern})"]
        position = time.end()
    return re.compile("".join([*parts, re.escape(prefix[position:])]))


def _stripped(line: Line, prefix: re.Pattern[str]) -> Line:
    match = prefix.match(line.text)
    if match is None:  # blanks at the end may be lost
        match = prefix.match(f"{line.text}    ")
        if match is None or line.text[match.end() :]:
            return Line(line.number, line.text, is_foreign=bool(line.text.strip()))
    return Line(line.number, line.text[match.end() :])
