"""Running the tools that build a guest."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pmu_guest.machine import UnavailableError

_INSTALL = "tests/pmu_guest/install-tools"


def require(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"the emulated Arm machine needs {', '.join(missing)}; "
            f"on Debian or Ubuntu run: sudo {_INSTALL}"
        )


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: bytes | None = None,
) -> bytes:
    """What ``command`` wrote to its standard output; RuntimeError with all of it if it failed."""
    done = subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        text = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{text}")
    return done.stdout
