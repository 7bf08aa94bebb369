"""Where the cells of a printed table stand.

The first column is aligned to the left, all others to the right; two spaces lie
between columns, and one at most inside a header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vmprof.visible import unquoted

_GAP = 2


class Columns:
    """The columns under ``header``, the line with their names."""

    def __init__(self, header: str) -> None:
        names = list(re.finditer(r"\S+(?: \S+)*", header))
        self.names = [_name(name.group()) for name in names]
        self._second = names[1].start()
        self._width = len(header)
        self._is_padded = header.endswith(" " * _GAP)
        # All but the first end where their names end.
        self._ends = [name.end() for name in names[1:]]

    def fits(self, line: str) -> bool:
        """Whether each cell of ``line`` but the first two stands as its column does."""
        line = line.rstrip()
        if len(line) > self._ends[-1]:
            return False
        for end, next_end in zip(self._ends, self._ends[1:], strict=False):
            gap, cell = line[end : end + _GAP], line[end + _GAP : next_end]
            if gap.strip() or (cell.strip() and (len(line) < next_end or cell[-1] == " ")):
                return False
        # The second ends right or is empty; then the line is of a name alone.
        return len(line) >= self._ends[0] or len(line) <= self._second - _GAP

    def holds(self, line: str) -> bool:
        """Whether ``line`` is a row, not words that a program printed between the rows.

        Words have one space between them, and seldom end in blanks as our lines do.
        """
        if self._is_padded and len(line) == self._width and line.endswith(" " * _GAP):
            return bool(line.strip())
        return " " * _GAP in line.strip()

    def is_whole(self, line: str) -> bool:
        """Whether ``line`` reaches the end of the last column."""
        return len(line) >= self._ends[-1]

    def split(self, lines: Sequence[str]) -> list[list[str]]:
        """The cells of each of ``lines``, all of which fit; empty ones are ``""``."""
        boundary = self._boundary(lines)
        starts = [boundary, *(end + _GAP for end in self._ends)]
        return [
            [
                line[:boundary].rstrip(),
                *(line[start:end].strip() for start, end in zip(starts, self._ends, strict=False)),
            ]
            for line in lines
        ]

    def _boundary(self, lines: Sequence[str]) -> int:
        """Where the second column begins.

        Its cells may be wider than its name, and names longer than ``Name``: it
        begins behind the last gap that all lines share.
        """
        for start in range(self._second, _GAP, -1):
            if all(not line[start - _GAP : start].strip() for line in lines):
                return start
        return self._second


def _name(text: str) -> str:
    content = unquoted(text)
    return text if content is None else content
