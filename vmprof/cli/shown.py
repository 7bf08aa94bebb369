"""What a comparison puts before the user: a screen, or plain text into a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from vmprof.cli.screen import screen
from vmprof.compare.parts import Part
from vmprof.compare.parts import plain as plain_text

ABOUT_PLAIN = "plain tables on a terminal too; they are what a pipe or a file gets"


def as_text(parts: Sequence[Part], *, plain: bool = False) -> str:
    """``parts`` as wide as the terminal, if there is one and it is not to be ``plain``."""
    shape = None if plain else screen()
    if shape is None:
        return plain_text(parts)
    from vmprof.compare.screen import render  # what it needs takes time to load

    return render(parts, width=shape.columns, colour=shape.colour)
