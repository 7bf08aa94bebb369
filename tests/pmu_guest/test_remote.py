"""Models that this machine compiles, and the emulated one runs for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pmu_guest.guest import Guest
from pmu_guest.system import System


@pytest.fixture(scope="module")
def server(guest: Guest) -> Iterator[str]:
    with guest.serving() as address:
        yield address


def vmprof(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "vmprof", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_model_is_compiled_here_and_counted_there(
    server: str, system: System, tmp_path: Path
) -> None:
    saved = tmp_path / "report.json"
    table = vmprof(
        *("run", "mlp", "--rpc", server, "--sysroot", system.root),
        *("--counters", "cycles,instructions", "--repeats", "3", "--json", saved),
    )
    assert "perf::INSTRUCTIONS" in table
    report = json.loads(saved.read_text())
    rows = {row["Name"]["string"]: row for row in report["calls"]}
    kernels = {name for name in rows if not name.startswith("vm.builtin.")}
    assert "fused_nn_contrib_dense_pack_add_nn_relu" in kernels
    for name in kernels:
        cycles, instructions = (
            rows[name][f"perf::{event}"]["count"] for event in ("CYCLES", "INSTRUCTIONS")
        )
        assert cycles == 2 * instructions > 0, name
        assert rows[name]["Hash"]["string"], name  # what the compiler knew of it went over, too
    # The processor was asked for its target: blocks are as wide as its vectors.
    (first,) = (rows[name] for name in kernels if name.endswith("add_nn_relu"))
    assert first["weight_layout"]["string"] == "NC4n"
    processor = report["configuration"]["Provenance: Processor"]["string"]
    assert "part 0xd0c" in processor, "that of the machine here"
