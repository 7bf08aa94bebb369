"""Foreign text in our text: it must not steer a terminal, nor pass for lines of ours.

Names come from models, libraries and files that strangers made. :func:`visible` is
for people; the other functions are for what is read again, and lose
nothing: text that would be mistaken stands in quotes there, as JSON writes strings.
"""

from __future__ import annotations

import json
import re

# What the lines of a table that are no calls begin with, and a header's.
_RESERVED = frozenset({"----------", "Sum", "Total", "Configuration"})
_HEADER_LIKE = re.compile(r"(?:.*\W)?Name")
# The name of a line below a table; what begins as a line of a log is none.
_SETTING_NAME = re.compile(r"(?!(?i:warning|error|info|debug)\b)[A-Za-z%]\S*(?: \S+)*")
_BLANKS = re.compile(r"^ +| +$| {2,}")


def visible(text: str) -> str:
    """``text`` in one line, each character that is not printable as U+FFFD."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def cell(text: str, *, is_name: bool = False) -> str:
    """``text`` in a cell of a table; ``is_name`` is for the names of calls."""
    if (
        text.isprintable()
        and not text.startswith('"')
        and not _BLANKS.search(text)
        and not _HEADER_LIKE.fullmatch(text)
        and not (is_name and text in _RESERVED)
    ):
        return text
    return quoted(text)


def setting_name(text: str) -> str:
    """``text`` before ``: `` in a section below a table."""
    return text if is_setting_name(text) and text.isprintable() else quoted(text)


def is_setting_name(text: str) -> bool:
    """Whether ``text`` before ``: `` is taken for the name of a setting."""
    return bool(_SETTING_NAME.fullmatch(text)) and ": " not in text


def setting(text: str) -> str:
    """``text`` behind ``name: `` in a section below a table."""
    if text.isprintable() and not text.startswith('"') and text.strip() == text:
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """``text`` as a JSON string of printable characters, no two blanks beside each other."""
    characters = (c if c.isprintable() else json.dumps(c)[1:-1] for c in _escaped(text))
    return f'"{"".join(characters)}"'


def unquoted(text: str) -> str | None:
    """What :func:`quoted` made ``text`` of; None if it did not."""
    if len(text) < 2 or not text.startswith('"') or not text.endswith('"'):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, str) else None


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return _BLANKS.sub(lambda match: "\\u0020" * len(match.group()), text)
