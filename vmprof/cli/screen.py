"""Whether people look at what is printed, how wide it may be, and whether it may have colours."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Screen:
    """So many columns; with ``colour``, ANSI's sequences for it."""

    columns: int
    colour: bool


def screen() -> Screen | None:
    """What standard output goes to; None for a pipe or a file, which gets plain text.

    ``FORCE_COLOR`` makes a screen of anything, of 80 columns or ``COLUMNS``; ``NO_COLOR`` goes
    before it. Both count if they are not empty, whatever they are.
    """
    forbidden = bool(os.environ.get("NO_COLOR"))
    forced = bool(os.environ.get("FORCE_COLOR")) and not forbidden
    if not sys.stdout.isatty() and not forced:
        return None
    colour = forced or not (forbidden or os.environ.get("TERM") == "dumb")
    return Screen(shutil.get_terminal_size().columns, colour)
