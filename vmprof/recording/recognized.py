"""Tells from its first bytes whether a file is a recording.

This imports nothing that recordings need, so that showing a plain report stays fast.
"""

from __future__ import annotations

from pathlib import Path

# The name of the first part.
TEXT = "recording.json"


def is_recording(content: bytes) -> bool:
    """Whether it looks like one: a zip whose first part has our name, which stands at byte 30."""
    return content[:4] == b"PK\x03\x04" and content[30:].startswith(TEXT.encode())


def holds_recording(path: str | Path) -> bool:
    """Whether the file looks like one; False if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return is_recording(file.read(64))
    except OSError:
        return False
