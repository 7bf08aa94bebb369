"""What a page of the documentation has its reader do, as a script for a shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from blocks import blocks_of

_DOCS = Path(__file__).parents[2] / "docs"


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the second order of ``page``, a path below docs/."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(section: str) -> list[str]:
    """The commands that it shows, and for each file one that writes it."""
    lines = []
    for block in blocks_of(section):
        if block.file:
            lines.append(f"printf %s {shlex.quote(block.text)} > {block.file}")
        lines += block.commands
    return lines
