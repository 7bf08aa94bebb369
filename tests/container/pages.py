"""What a page of the documentation has its reader do, as a script for a shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"
# What a command printed, which stands between such comments.
_SHOWN = re.compile(
    r"^<!-- ([\w-]+)[^>]*-->\n.*?^<!-- (?:\1: )?end -->\n", re.DOTALL | re.MULTILINE
)
_STEP = re.compile(
    r"`(?P<file>[\w./-]+)`:\n\n```\w+\n(?P<text>.*?)```\n|^    (?P<command>\S[^\n]*)$",
    re.DOTALL | re.MULTILINE,
)


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the second order of ``page``, a path below docs/."""
    text = _SHOWN.sub("", (_DOCS / page).read_text(encoding="utf-8"))
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(section: str) -> list[str]:
    """The commands that it shows, and for each file one that writes it."""
    return [
        step["command"] or f"printf %s {shlex.quote(step['text'])} > {step['file']}"
        for step in _STEP.finditer(section)
    ]
