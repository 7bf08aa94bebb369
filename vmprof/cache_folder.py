"""Where vmprof keeps what it made: compiled models, measured peaks."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/vmprof``, else ``~/.cache/vmprof``; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "vmprof"
