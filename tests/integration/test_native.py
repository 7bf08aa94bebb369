"""The native half on many threads, under sanitizers: the short form of `make test-asan`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from native import trial


def can_sanitize(kind: str, folder: Path) -> bool:
    source, program = folder / "empty.c", folder / "empty"
    source.write_text("int main(void) { return 0; }\n")
    command = ["cc", f"-fsanitize={kind}", source, "-o", program]
    compiled = subprocess.run(command, check=False, capture_output=True)
    return (
        compiled.returncode == 0
        and subprocess.run([program], check=False, capture_output=True).returncode == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_threads_are_counted_exactly_under_sanitizers(kind: str, tmp_path: Path) -> None:
    """Runs, hooks and sessions, with a kernel that counts what each thread does."""
    if not can_sanitize(trial.SANITIZERS[kind], tmp_path):
        pytest.skip(f"programs with -fsanitize={trial.SANITIZERS[kind]} do not run here")
    harness = trial.build(kind, tmp_path, "vmprof_harness")
    assert trial.exercise([harness], runs=30, invocations=600) > 8 * 30 * 2 * 4
