"""Telling the user what takes so long."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """Tell nothing."""


class ProgressLine:
    """One line on a terminal that always says what goes on; empty again at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = 0

    def __call__(self, step: str) -> None:
        text = f"{step} ..." if step else ""
        self._stream.write(f"\r{text:<{self._shown}}" + ("" if text else "\r"))
        self._stream.flush()
        self._shown = len(text)

    def clear(self) -> None:
        self("")
