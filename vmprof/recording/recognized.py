"""Whether a file is a recording: a look at its first bytes, for whatever reads many kinds of files.

It loads nothing: to show a report takes none of what a recording needs.
"""

from __future__ import annotations

from pathlib import Path

# The name of the first part.
TEXT = "recording.json"


def is_recording(content: bytes) -> bool:
    """Whether it looks like one: of a zip, the name of the first part, behind 30 bytes."""
    return content[:4] == b"PK\x03\x04" and content[30:].startswith(TEXT.encode())


def holds_recording(path: str | Path) -> bool:
    """Whether that file looks like one; not where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return is_recording(file.read(64))
    except OSError:
        return False
