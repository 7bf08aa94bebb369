"""docs/how-to/models.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vmprof import load_program
from vmprof.report.model import Report

PAGE = Path(__file__).parents[2] / "docs/how-to/models.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 6
    names: dict[str, Any] = {}
    made_up, layers = [], []
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
        report: Report = names["report"]
        made_up.append(report.configuration.get("Made-up inputs"))
        layers += [row["Layer"] for row in report.calls if "Layer" in row]
    assert made_up == [
        None,
        "ids: 0 to 99 (places in what it indexes)",
        "ids: 0 to 99 (places in what it indexes)",
        "x: normal",
        "ids: 0 to 49",
        None,
    ]
    assert layers == ["head.exp"]
    for library in ("model.so", "other.so"):
        assert load_program(library).kernels["take"].operators == ("take",)
