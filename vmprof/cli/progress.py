"""The progress line of commands that take time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vmprof.progress import Progress, ProgressLine, silent


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
