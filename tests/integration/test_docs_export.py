"""docs/how-to/export.md: each command makes the file that the page says, and its Python runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.traces import read_trace

from vmprof.cli.main import main

PAGE = Path(__file__).parents[2] / "docs/how-to/export.md"
TEXT = PAGE.read_text(encoding="utf-8")
# A program that is recorded: the page's stands for the reader's own.
CHAT = """\
import numpy as np
import tvm
from tvm import relax

import vmprof

x = relax.Var("x", relax.TensorType((64, 64), "float32"))
builder = relax.BlockBuilder()
with builder.function("main", [x]):
    builder.emit_func_output(builder.emit(relax.op.matmul(x, x)))
vm = relax.VirtualMachine(tvm.compile(builder.get(), "llvm"), tvm.cpu())
data = tvm.runtime.tensor(np.ones((64, 64), "float32"))
for _ in range(200):
    vm["main"](data)
"""
# Commands that are not vmprof's, and what is no command.
OTHERS = ("pip ", "tensorboard ", "topk(", "HTA_", "from ", "print(")


def commands() -> list[str]:
    """Those of the page, in its order."""
    indented = re.findall(
        r"^    (\S.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.MULTILINE
    )
    ours = [line for line in indented if line.startswith("vmprof ")]
    assert all(line.startswith(OTHERS) for line in {*indented}.difference(ours))
    first, second, *rest = ours
    return [first, second, *re.findall(r"^\|.*\| `(vmprof .*?)` \|", TEXT, re.MULTILINE), *rest]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them ran, one after the other."""
    place = tmp_path_factory.mktemp("export")
    (place / "chat.py").write_text(CHAT)
    (place / "traces").mkdir()
    # There is no gateway here: what would go to one goes to a file.
    (place / "curl").write_text("#!/bin/sh\ncat > pushed.prom\n")
    (place / "curl").chmod(0o700)
    path = f"{place}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    for line in commands():
        words = shlex.split(line)
        if words[1] in ("show", "flame", "diff") and "|" not in words:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(place)
                assert main(words[1:]) == 0, line
            continue
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=place,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    return place


def test_each_command_makes_its_file(folder: Path) -> None:
    made = {word for line in commands() for word in re.findall(r"--\w+ ([\w/.]+\.[\w.]+)", line)}
    assert len(made) > 12
    for name in made:
        assert (folder / name).stat().st_size > 0, name
    assert (folder / "pushed.prom").read_bytes() == (folder / "vmprof.prom").read_bytes()
    for name in ("report.trace.json", "run.trace.json", "traces/mlp.pt.trace.json"):
        assert read_trace((folder / name).read_text()).slices


def test_its_python_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    examples = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), {})
    assert (folder / "again.prom").read_bytes() == (folder / "vmprof.prom").read_bytes()
    pairs = ("again.pt.trace.json", "traces/mlp.pt.trace.json"), ("again.parquet", "report.parquet")
    for one, other in pairs:
        assert (folder / one).read_bytes() == (folder / other).read_bytes()


def test_it_names_the_metrics_that_there_are(folder: Path) -> None:
    named = {*re.findall(r"`(vmprof_\w+)`", TEXT)}
    for first, others in re.findall(r"`(vmprof_operator_\w+)`((?:, `_\w+`)+)", TEXT):
        assert first in named
        named |= {f"vmprof_operator{end}" for end in re.findall(r"_\w+", others)}
    alike = tuple(re.findall(r"`(vmprof_\w+_)\.\.\.`", TEXT))
    assert len(alike) == 3
    for file in ("vmprof.prom", "run.prom"):
        for family in text_string_to_metric_families((folder / file).read_text()):
            assert family.name in named or family.name.startswith(alike)
