"""What is written beside a library: kept, found again, and left aside where it does not belong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmprof import VmprofWarning
from vmprof.program.kernels import Cost, Kernel, kernels_path, read_kernels, write_kernels

STATIC = Kernel(
    hash="00112233445566ff",
    operators=("nn.conv2d", "add"),
    layouts={"data_layout": "NCHW16c"},
    shapes=((1, 784), (784, 10), (1, 10)),
    flops=15690,
    bytes_read=34496,
    bytes_written=40,
)
DYNAMIC = Kernel(
    hash="ff",
    operators=("matmul",),
    layouts={},
    shapes=(("n", 16), (16, 8), ("n", 8)),
    flops="n * T.int64(256)",
    bytes_read="n * T.int64(64) + T.int64(512)",
    bytes_written="n * T.int64(32)",
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "model.so"
    path.write_bytes(b"the library")
    write_kernels({"a": STATIC, "b": DYNAMIC}, path)
    return path


def test_kernels_are_found_again(library: Path) -> None:
    assert read_kernels(library) == {"a": STATIC, "b": DYNAMIC}


def test_a_library_without_kernels(tmp_path: Path) -> None:
    assert read_kernels(tmp_path / "model.so") == {}


def test_another_build_is_noticed(library: Path) -> None:
    library.write_bytes(b"another build")
    with pytest.warns(VmprofWarning, match=r"another build than .*model\.so; compile the model"):
        assert read_kernels(library) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": 1, "library": "x"}', "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_left_aside(library: Path, text: str, reason: str) -> None:
    kernels_path(library).write_text(text)
    with pytest.warns(VmprofWarning, match=reason):
        assert read_kernels(library) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 3}, "another version of vmprof"),
        ({"kernels": {"a": {"hash": "1"}}}, "cannot be read"),
    ],
)
def test_changed_documents(library: Path, change: dict[str, object], reason: str) -> None:
    path = kernels_path(library)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.warns(VmprofWarning, match=reason):
        assert read_kernels(library) == {}


def test_what_older_versions_wrote_is_read(library: Path) -> None:
    path = kernels_path(library)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    assert read_kernels(library).keys() == {"a", "b"}


def test_cost_of_fixed_shapes() -> None:
    assert STATIC.cost([(1, 784), (784, 10), (1, 10)]) == Cost(15690, 34496, 40)


def test_cost_of_symbolic_shapes() -> None:
    assert DYNAMIC.cost([(5, 16), (16, 8), (5, 8)]) == Cost(1280, 832, 160)
    assert DYNAMIC.cost([]) == Cost(None, None, None)
