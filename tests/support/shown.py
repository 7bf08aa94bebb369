"""The commands that pages show: which there are, which cannot be run in a test, and doing them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from blocks import blocks_of

from support.scripts import environment

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(
        page
        for page in (ROOT / "docs").glob("**/*.md")
        if page.parent.name != "commands"  # made of the parsers
    ),
)
# What no test runs as it is shown, and why. Its options are looked at all the same.
NOT_RUN = {
    r"(python3 -m venv|\. \.venv|pip |pipx |uvx? |\.venv/bin/pip )": "installs: tests/try_wheel.py",
    r"(sudo )?(docker|podman|distrobox) ": "takes a container engine",
    r"make ": "targets are looked at; .ci/run makes some",
    r"python benchmarks/": "measures for minutes, on a machine that does nothing else",
    r"perf ": "takes perf; tests/integration/test_perf_map.py has the map",
    r"ssh ": "takes another host",
    r"vmprof deploy ": "takes another host: tests/integration/test_deploy.py",
    r"vmprof (rpc-server|.* --rpc )": "takes a server: tests/integration/test_remote.py",
    r"(vmprof .* --tracker |python -m tvm\.exec\.rpc_tracker)": "a tracker: test_fleet.py",
    r"vmprof (show|diff) study": "takes a study of a fleet: tests/integration/test_fleet.py",
    r"pytest": "tests/integration/test_pytest_plugin.py runs tests with the plugin",
    r"vmprof run model\.(onnx|pt2) ": "takes onnx or torch: tests/integration/test_importers.py",
    r"vmprof run \S+ .*--params weights\.safetensors": "takes safetensors",
    r"vmprof show .*--interactive": "takes a terminal: tests/integration/test_viewer.py",
    r"vmprof cache --clear": "would empty the cache: tests/unit/test_cache_command.py",
    r"vmprof run .* --target ": "compiles resnet18 anew: tests/integration/test_cross.py",
}
# Of commands that say by their exit code what they found.
FINDINGS = {
    r"vmprof doctor": (1,),
    r"vmprof (diff|audit|validate) ": (3, 4),
}


class Shown(NamedTuple):
    """A command of a page, at a line."""

    page: Path
    line: int
    command: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.command}"


class Task(NamedTuple):
    """To do what a page shows, in a folder that has what it takes for granted."""

    page: Path
    folder: Path
    with_python: bool = True  # its examples, too
    starts: int = 1  # where a command says that a model is started several times


class Done(NamedTuple):
    """What a command, or Python, of a page gave."""

    step: str
    code: int
    out: str
    err: str


def commands() -> Iterator[Shown]:
    """All that are shown, page by page."""
    for page in PAGES:
        for block in blocks_of(page.read_text(encoding="utf-8")):
            for command in block.commands:
                yield Shown(page, block.line, command)


def why_not_run(command: str) -> str | None:
    """Why no test does it; None if one does."""
    return next((why for start, why in NOT_RUN.items() if re.match(start, command)), None)


def allowed(command: str) -> Sequence[int]:
    """The exit codes that it may have."""
    codes = (codes for start, codes in FINDINGS.items() if re.match(start, command))
    return (0, *next(codes, ()))


def carry_out(tasks: Sequence[Task]) -> list[list[Done]]:
    """Do what the pages show, from top to bottom, but for what cannot be done in a test.

    In one process that starts with the first task and ends with the last. What the steps of each
    gave comes back.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, results = Path(folder) / "tasks.json", Path(folder) / "results.json"
        given.write_text(json.dumps([_steps(task) for task in tasks]), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("carry_out.py"), given, results],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        of_all = json.loads(results.read_text(encoding="utf-8"))
    return [[Done(**each) for each in of_task] for of_task in of_all]


def _steps(task: Task) -> dict[str, object]:
    steps: list[tuple[str, str]] = []
    for block in blocks_of(task.page.read_text(encoding="utf-8")):
        if block.file:
            (task.folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python" and task.with_python:
            steps.append(("python", block.text))
        steps += [("sh", each) for each in block.commands if why_not_run(each) is None]
    return {"folder": str(task.folder), "starts": task.starts, "steps": steps}
