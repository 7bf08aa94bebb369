"""docs/reference/api.md: its examples run, and give what the page says they do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import vmprof

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples define, once all have run one after the other."""
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 7
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("api"))
        for example in examples:
            exec(compile(example, str(PAGE), "exec"), found)
    return found


def test_operators_are_what_the_table_has(names: dict[str, Any]) -> None:
    before, slowest, second = names["before"], names["slowest"], names["second"]
    assert slowest.time_us >= second.time_us
    assert {op.name for op in before.operators()} == {call["Name"] for call in before.calls}
    assert names["changes"].operators[0].name in (slowest.name, second.name)


def test_kernels_are_known(names: dict[str, Any]) -> None:
    compiled, info = names["compiled"], names["info"]
    operators = {name for kernel in compiled.kernels.values() for name in kernel.operators}
    assert {"matmul", "nn.relu", "nn.softmax"} <= operators
    assert {name for kernel in info.kernels.values() for name in kernel.operators} == operators
    assert names["report"].top(1, "flops")[0]["FLOPs"] >= 2 * 64 * 256 * 256


def test_every_public_name_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in vmprof.__all__:
        if not name.startswith("__"):
            assert f"vmprof.{name}" in page, name
