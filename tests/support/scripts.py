"""Programs of users, in processes of their own: alone, and under ``vmprof record``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(
    *command: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """``python COMMAND``."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        cwd=cwd,
    )


def record(
    *words: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """``vmprof record WORDS``."""
    return run("-m", "vmprof", "record", *words, cwd=cwd, stdin=stdin)
