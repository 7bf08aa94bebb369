"""What logs put around the lines of a table: colours, times, the names of containers, quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmprof import json_text
from vmprof.compare.readers.columns import Columns

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
    """A line of the text, the first being number 1, without what the log put before it."""

    number: int
    text: str


@dataclass(frozen=True)
class Table:
    """``lines`` from the header on, up to the next table; ``above`` are those before it.

    Without what the log put before them, and without those of other sources.
    ``is_last`` where the text ends with it.
    """

    above: Sequence[Line]
    lines: Sequence[Line]
    is_last: bool


def unwrapped(text: str) -> str:
    """``text``, or what stands in it if it is a log as Docker keeps it, each line a JSON object."""
    if not text.startswith('{"log":'):
        return text
    try:
        return "".join(str(json_text.loads(line)["log"]) for line in text.splitlines())
    except (ValueError, TypeError, KeyError):
        return text


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


def tables_in(text: str) -> Iterator[Table]:
    """The tables in ``text``, in the order of their headers."""
    lines = lines_of(text)
    starts = [index for index, line in enumerate(lines) if header_at(line.text) is not None]
    sources = [_source(lines, start) for start in starts]
    above: dict[str | None, int] = {}
    for number, (start, source) in enumerate(zip(starts, sources, strict=True)):
        # Of another source there may be a table in between, line by line.
        following = (
            other
            for other, its in zip(starts[number + 1 :], sources[number + 1 :], strict=True)
            if source is None or its == source
        )
        end = next(following, len(lines))
        header, rest = lines[start], lines[start + 1 : end]
        before = lines[above.get(source, 0) : start]
        at = header_at(header.text) or 0
        if source is not None:
            prefix = _pattern(header.text[:at])
            before, rest = _of_source(before, prefix), _of_source(rest, prefix)
        yield Table(before, [Line(header.number, header.text[at:]), *rest], end == len(lines))
        above[source] = above[None] = start + 1


def _source(lines: Sequence[Line], start: int) -> str | None:
    """What stands before all lines of the table that begins at ``start``; None if nothing does."""
    header = lines[start].text
    at = header_at(header) or 0
    follows = next((line.text for line in lines[start + 1 : start + 4] if line.text.strip()), "")
    if not at:
        return None
    if not _pattern(header[:at]).match(follows) and Columns(header[at:]).fits(follows):
        return None  # a logger that marks the first line of a message
    return _TIME.sub("", header[:at])


def _pattern(prefix: str) -> re.Pattern[str]:
    """What matches ``prefix`` at another time."""
    parts: list[str] = []
    position = 0
    for time in _TIME.finditer(prefix):
        parts += [re.escape(prefix[position : time.start()]), f"(?:{_TIME.pattern})"]
        position = time.end()
    return re.compile("".join([*parts, re.escape(prefix[position:])]))


def _of_source(lines: Sequence[Line], prefix: re.Pattern[str]) -> list[Line]:
    """Those that begin with ``prefix``, without it, and those that are blank."""
    found = []
    for line in lines:
        match = prefix.match(line.text)
        if match is None:  # blanks at the end may be lost
            padded = prefix.match(f"{line.text}    ")
            if line.text.strip() and (padded is None or padded.end() < len(line.text)):
                continue
        found.append(Line(line.number, line.text[match.end() :] if match else ""))
    return found
