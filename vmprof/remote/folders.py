"""The folder of a server's temporary files: private, and gone when the server is."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vmprof.owned import open_descriptor, temporary_folder

_PREFIX = "vmprof-rpc-"
_LOCK = "lock"


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for as long as the ``with`` lasts, which nobody else can read.

    What servers left that were killed is removed first.
    """
    _sweep(Path(tempfile.gettempdir()))
    flags = os.O_RDWR | os.O_CREAT
    with temporary_folder(_PREFIX) as path, open_descriptor(path / _LOCK, flags, 0o600) as lock:
        # Held until this process, and those that it forked, are gone.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _sweep(folder: Path) -> None:
    for found in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # its server is running, or another one is just removing it
            status = found.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                _remove_if_abandoned(found)


def _remove_if_abandoned(folder: Path) -> None:
    with open_descriptor(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
