"""The progress line of commands that take time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from vmprof.progress import Progress, Step, silent

_BAR = 20
# Of a terminal that does not tell its width.
_COLUMNS = 80


class ProgressLine:
    """One line on a terminal that always says what goes on; empty again at the end.

    A :class:`Step` has a bar. What does not fit into the terminal's width is cut off.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = 0

    def __call__(self, step: str) -> None:
        self._show(f"{step}{_bar(step)} ...")

    def clear(self) -> None:
        self._show("")

    def _show(self, text: str) -> None:
        text = text[: self._columns() - 1]  # in the last column some terminals begin a new line
        self._stream.write(f"\r{text:<{self._shown}}" + ("" if text else "\r"))
        self._stream.flush()
        self._shown = len(text)

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except OSError:
            return _COLUMNS


def _bar(step: str) -> str:
    if not isinstance(step, Step):
        return ""
    done = int(step.done * _BAR)
    return f" [{'#' * done}{' ' * (_BAR - done)}]"


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Progress]:
    """Shown on a terminal, unless it is to be ``quiet``; empty again at the end."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    line = ProgressLine()
    try:
        yield line
    finally:
        line.clear()
