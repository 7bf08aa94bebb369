"""CONTRIBUTING.md, followed step by step in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PIPELINES = (".ci/run", ".gitlab-ci.yml", ".readthedocs.yaml")
PIPELINES += (".github/workflows/ci.yml", ".github/workflows/docs.yml")
# What is said to be in a file: the whole of it, or what changes in it. Or a command.
STEP = re.compile(
    r"`(?P<file>[\w./-]+)`:\n\n```(?P<kind>\w+)\n(?P<text>.*?)```\n"
    r"|^    \.venv/bin/(?P<command>[^\n]+)$",
    re.DOTALL | re.MULTILINE,
)
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
SECTIONS = dict(SECTION.findall((ROOT / "CONTRIBUTING.md").read_text()))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sections change the same one, as a contributor's may."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docs", "examples", "native", "tests", "vmprof"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("*.md")):
        shutil.copy(path, folder)
    return folder


def follow(step: re.Match[str], checkout: Path) -> str:
    if step["command"]:
        command, *arguments = step["command"].split()
        return run(checkout, BIN / command, *arguments)
    path = checkout / step["file"]
    if step["kind"] != "diff":
        assert not path.exists(), f"{path} is there already"
        path.write_text(step["text"])
        return ""
    lines = step["text"].splitlines(keepends=True)
    old = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
    new = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
    text = path.read_text()
    assert text.count(old) == 1, f"{step['file']} has not once, but {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new))
    return ""


def run(checkout: Path, *command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "shown"),
    [
        ("A counter set", "{task-clock,context-switches,cpu-migrations}\n"),
        ("A renderer", "| Operator | Calls | Duration (us) |\n"),
        ("A rule of advice", "switched-out"),
    ],
)
def test_a_contributor_follows_it(section: str, shown: str, checkout: Path) -> None:
    steps = list(STEP.finditer(SECTIONS[section]))
    assert len(steps) >= 4
    outputs = [follow(step, checkout) for step in steps]
    assert shown in outputs[-1]
    run(checkout, BIN / "ruff", "check", "--no-cache")
    run(checkout, BIN / "ruff", "format", "--no-cache", "--check")


def test_every_command_of_make_is_there() -> None:
    pages = "".join((ROOT / name).read_text() for name in ("CONTRIBUTING.md", *PIPELINES))
    targets = set(re.findall(r"\bmake ((?:[\w.-]+/)?[\w.-]+)", pages))
    rules = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - {".venv/.ready"} <= rules
    assert {"lint", "test", "wheel"} <= targets
