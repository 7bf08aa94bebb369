"""Small files of /proc and /sys, which may be absent or forbidden.

They may be a recording of another machine's, too, or what a container put there: none is
believed to be short, nor any number in them to be one.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from pathlib import Path

# /proc/cpuinfo of a thousand processors has a tenth of it.
_CHUNK, _MOST_CHUNKS = 1 << 16, 256
# Linux has no more (CONFIG_NR_CPUS).
_MAX_CPUS = 8192
_MAX_NUMBER = 1 << 64
_WHOLE = re.compile(r"-?[0-9]{1,20}")


def text(path: Path) -> str:
    """What the file says; ``""`` where it cannot be read."""
    try:
        with path.open(errors="replace") as file:
            # Of too much at a time /proc/sys gives nothing.
            return "".join(islice(iter(partial(file.read, _CHUNK), ""), _MOST_CHUNKS))
    except (OSError, ValueError):  # a path with a null byte in it
        return ""


def whole(text: str) -> int | None:
    """The number that ``text`` is, of at most 64 bits; None if it is none."""
    text = text.strip()
    if not _WHOLE.fullmatch(text) or not -_MAX_NUMBER < (value := int(text)) < _MAX_NUMBER:
        return None
    return value


def number(path: Path) -> int | None:
    """The same of what a file says."""
    return whole(text(path))


def entries(folder: Path) -> list[Path]:
    """What lies in ``folder``, by name; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def cpu_list(text: str) -> tuple[int, ...]:
    """The kernel's list of processors: ``0-3,8`` is 0, 1, 2, 3, 8."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        first, last = whole(low), whole(high or low)
        if first is not None and last is not None and 0 <= first <= last < _MAX_CPUS:
            cpus.extend(range(first, last + 1))
    return tuple(cpus)
