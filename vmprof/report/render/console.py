"""What writes for terminals, whatever the environment says of the one at hand."""

from __future__ import annotations

import io

from rich.console import Console

# Unless both sides are given, rich takes a dumb terminal for one of 80 columns.
_HEIGHT = 25


def console(width: int, *, colour: bool) -> tuple[Console, io.StringIO]:
    """A console of ``width`` characters, and what it has written."""
    output = io.StringIO()
    return (
        Console(
            file=output,
            width=width,
            height=_HEIGHT,
            force_terminal=colour,
            no_color=not colour,
            color_system="standard" if colour else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        ),
        output,
    )


def trimmed(output: io.StringIO) -> str:
    """What was written, without the blanks at the ends of lines, which rich pads."""
    lines = output.getvalue().rstrip("\n").split("\n")
    return "".join(f"{line.rstrip()}\n" for line in lines)
