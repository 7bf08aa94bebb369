"""Where vmprof keeps what it made: compiled models, measured peaks."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/vmprof``, else ``~/.cache/vmprof``; it need not exist.

    :class:`OSError` where neither can be told.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "vmprof"
    try:
        return Path.home() / ".cache" / "vmprof"
    except RuntimeError as error:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder") from error
