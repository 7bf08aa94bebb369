"""The library of a compiled model, whatever becomes of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_a_damaged_library_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a warning, once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command = [sys.executable, "-m", "vmprof", "show-code", "mlp"]

    def show_code() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    whole = show_code()
    assert whole.stderr == ""
    (library,) = tmp_path.glob("vmprof/models/*.so")
    library.write_bytes(library.read_bytes()[:5000])
    again = show_code()
    assert again.stdout == whole.stdout
    assert re.fullmatch(
        rf"vmprof: warning: {library} cannot be used: .* is cut short: .*; "
        r"it is made anew\n",
        again.stderr,
    )
    assert show_code().stderr == ""
