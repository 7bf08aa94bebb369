"""Files that are there as a whole or not at all, whatever comes while they are written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from io import FileIO
from pathlib import Path

# What a file system says that has no second names for a file.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def write_whole(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Put ``data`` into the file ``path``, which is then the old one or the new one.

    It is written under another name beside its place. A file that is there keeps its permissions;
    without ``replace`` it is left alone, which is a :class:`FileExistsError`. Raises
    :class:`OSError` if it cannot be written. ``path`` must not be a link that is to stay.
    """
    beside = path.with_name(f".vmprof-{secrets.token_hex(8)}{path.suffix}")
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode) if replace else None
    except FileNotFoundError:
        mode = None
    # What follows is calls of C alone: an interrupt comes behind one of them, and not before.
    try:
        with FileIO(beside, "x") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        if replace:
            os.replace(beside, path)
            return
        try:
            os.link(beside, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            FileIO(path, "x").close()
            os.replace(beside, path)
    finally:
        try:
            os.unlink(beside)
        except FileNotFoundError:
            pass
