"""Small files of /proc and /sys, which may be absent or forbidden."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    """What the file says; ``""`` where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def number(path: Path) -> int | None:
    try:
        return int(text(path))
    except ValueError:
        return None


def entries(folder: Path) -> list[Path]:
    """What lies in ``folder``, by name; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def cpu_list(text: str) -> tuple[int, ...]:
    """The kernel's list of processors: ``0-3,8`` is 0, 1, 2, 3, 8."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        try:
            cpus.extend(range(int(low), int(high or low) + 1))
        except ValueError:
            continue
    return tuple(cpus)
