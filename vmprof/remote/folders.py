"""The folder of a server's temporary files: private, and gone when the server is."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_PREFIX = "vmprof-rpc-"
_LOCK = "lock"


class ServerFolder:
    """A folder at ``path`` for as long as the ``with`` lasts, which nobody else can read.

    What servers left that were killed is removed first.
    """

    def __enter__(self) -> ServerFolder:  # noqa: PYI034 # Python 3.10 has no Self
        _sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))  # of mode 0700
        # Held until this process, and those that it forked, are gone.
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(folder: Path) -> None:
    for found in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # its server is running, or another one is just removing it
            status = found.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                _remove_if_abandoned(found)


def _remove_if_abandoned(folder: Path) -> None:
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
