"""Whether others than this user may write to a folder: what lies in it must not be run then."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_ROOT = 0


def distrust(folder: Path) -> str | None:
    """Why what ``folder`` holds may be another user's work, and what to do; None if it is not.

    It must belong to this user or to root, as must all that it lies in, and nobody else may
    write there. :class:`OSError` if that cannot be told.
    """
    own = folder.stat()
    if own.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write to it; run: chmod go-w {folder}, and vmprof cache --clear"
    for place in (folder, *folder.resolve().parents):
        status = place.stat()
        if status.st_uid not in (_ROOT, os.geteuid()):
            return f"{place} belongs to another user (number {status.st_uid})"
        # Where the sticky bit is set, as in /tmp, nobody removes what is another's.
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            return f"everybody can write to {place}"
    return None


def is_own(file: Path) -> bool:
    """Whether it is a file, no link, of this user or root. :class:`OSError` if it is not there."""
    status = file.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_uid in (_ROOT, os.geteuid())
