"""The project's own image, started as docs/start/install.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from container import podman
from container.pages import commands, sections

PAGE = sections("start/install.md")["In a container"]
FIRST = sections("start/first-report.md")
PERFMON, ADMIN = "--cap-add=PERFMON", "--cap-add=SYS_ADMIN"
THROUGH = "a filter (container), which lets perf events through"
_LINES = re.DOTALL | re.MULTILINE


def said(image: str, command: str, options: Sequence[str] = ()) -> str:
    return podman.run(image, "-c", command, options=["--entrypoint=sh", *options])


def seccomp(image: str, *options: str) -> tuple[str, str | None]:
    """What ``vmprof doctor`` finds, and what it says is to be done."""
    # It ends with 1 where there is no PMU.
    found = json.loads(said(image, "vmprof doctor --json || test $? = 1", options))
    (finding,) = (each for each in found["findings"] if each["topic"] == "seccomp")
    return finding["text"], finding["remedy"]


def counted(image: str, *options: str) -> str:
    """A report of a model, with its CPU time if that could be counted."""
    command = ("run", "mlp", "--counters", "task-clock")
    return podman.run(image, *command, options=options)


def test_without_capabilities_time_alone_is_measured(image: str) -> None:
    found, remedy = seccomp(image)
    assert found != THROUGH
    assert remedy is not None
    assert remedy.startswith("start the container with --cap-add PERFMON (Podman")
    row, reason = re.escape("fused_nn_contrib_dense_pack_add_nn_relu "), re.escape(remedy)
    assert re.search(f"^{row}.*^perf::TASK-CLOCK: .*; {reason}$", counted(image), _LINES)


def test_both_capabilities_let_perf_events_through(image: str) -> None:
    assert seccomp(image, PERFMON, ADMIN) == (THROUGH, None)
    header = "^Name .* perf::TASK-CLOCK.*$"
    assert re.search(header, counted(image, PERFMON, ADMIN), re.MULTILINE)


def test_one_capability_is_enough_or_another_is_asked_for(image: str) -> None:
    """It depends on the version of Podman's filter."""
    found, remedy = seccomp(image, PERFMON)
    if found != THROUGH:
        assert remedy is not None
        assert remedy.startswith("start the container with --cap-add SYS_ADMIN too")


def test_the_filter_of_the_page_does_with_one(image: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, _LINES)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    profile = f"--security-opt=seccomp={tmp_path / 'perf-events.json'}"
    assert seccomp(image, PERFMON, profile) == (THROUGH, None)


def test_a_library_of_ones_own(image: str, work: Path) -> None:
    """Compiled and linked in the image, which has a compiler, and profiled."""
    lines = ["set -e", *commands(FIRST["A model"])[:1], *commands(FIRST["From a library"])]
    options = (f"-v={work}:/work", PERFMON, ADMIN)
    text = said(image, "\n".join(lines), options)
    assert "Evaluate vm inference cost of model.so on cpu(0)\n" in text
    assert re.search(r"^fused_matmul_add_nn_relu .*", text, re.MULTILINE)
    assert "perf::TASK-CLOCK" in text
