"""The pages on installing and on a first report, followed where there is Python alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from try_wheel import developers_tools

from container import podman
from container.pages import commands, sections

# Instead of PyPI, where another version may be, and of the network.
_FOUND = (
    "PIP_NO_INDEX=1",
    "PIP_FIND_LINKS=/found",
    "UV_OFFLINE=1",
    "UV_NO_INDEX=1",
    "UV_FIND_LINKS=/found",
    "UV_PYTHON_DOWNLOADS=never",
)
INSTALL, FIRST = sections("start/install.md"), sections("start/first-report.md")


def follow(lines: Sequence[str], wheels: Path, work: Path) -> str:
    """What ``lines`` say, one after the other, in a container that ends with the first failure."""
    options = [f"-v={wheels}:/found:ro", f"-v={work}:/work", "-w=/work"]
    options += [f"-e={setting}" for setting in _FOUND]
    return podman.run(podman.BARE, "sh", "-c", "\n".join(["set -e", *lines]), options=options)


def test_there_is_python_and_nothing_else(wheels: Path, work: Path) -> None:
    tools = ("cc", "gcc", "clang", "make", "cmake", "git", "pip", "python3")
    said = follow([f"command -v {tool} || true" for tool in tools], wheels, work)
    assert said == "/usr/bin/python3\n"


def test_from_install_to_a_report_of_a_model_of_ones_own(wheels: Path, work: Path) -> None:
    # There the page begins to use a compiler, and says so.
    before = list(FIRST)[: list(FIRST).index("From a library")]
    lines = [line for title in before for line in commands(FIRST[title])]
    # It ends with 1 where there is no PMU.
    lines = [f"{line} || test $? = 1" if line == "vmprof doctor" else line for line in lines]
    said = follow([*lines, "python -m pip list --format json > installed.json"], wheels, work)
    report = json.loads((work / "before.json").read_text())
    names = {call["Name"]["string"] for call in report["calls"]}
    assert "fused_matmul_add_relu" in names
    assert names <= set(said.split())
    assert "</html>" in (work / "report.html").read_text()
    assert "the module (before.json) -> the module (after.json)" in said

    installed = {one["name"].lower() for one in json.loads((work / "installed.json").read_text())}
    assert installed >= {"tvm-vmprof", "apache-tvm"}
    assert installed & developers_tools() == set()


@pytest.mark.parametrize("shown", commands(INSTALL["As a program of its own"]))
def test_as_a_program_of_its_own(shown: str, wheels: Path, work: Path) -> None:
    lines = [
        "python3 -m venv /tools",
        "/tools/bin/pip install --quiet pipx uv",
        "export PATH=/tools/bin:/root/.local/bin:$PATH",
        shown,
    ]
    if "install" in shown.split():
        lines.append("vmprof run mlp")
    assert "Evaluate vm inference cost of mlp on cpu(0)\n" in follow(lines, wheels, work)
