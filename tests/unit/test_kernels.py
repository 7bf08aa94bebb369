"""What is written beside a library: kept, found again, and left aside where it does not belong."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.libraries import build_library

from vmprof import VmprofWarning
from vmprof.program.info import (
    NOTHING_KNOWN,
    ModelInfo,
    Signature,
    info_path,
    read_info,
    write_info,
)
from vmprof.program.kernels import Cost, Flow, Kernel
from vmprof.program.layers import KernelCall

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
    limits=("n", None, None),
    flows=(Flow(0, 2, exact=True),),
)


INFO = ModelInfo(
    {"a": STATIC, "b": DYNAMIC},
    {"main": Signature(1, ('R.Tensor((n, 16), dtype="float32")',))},
    {"main": (KernelCall("a", "conv + relu"), KernelCall("b", ""))},
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "model.so"
    path.write_bytes(b"the library")
    write_info(INFO, path)
    return path


def test_kernels_are_found_again(library: Path) -> None:
    assert read_info(library) == INFO


@pytest.mark.parametrize("written_as", [1, 2])
def test_files_of_before_know_the_library_by_its_digest(library: Path, written_as: int) -> None:
    content = build_library()
    library.write_bytes(content)
    write_info(INFO, library)
    path = info_path(library)
    document = json.loads(path.read_text())
    assert document["library"] == f"0123456789ab, {len(content)} bytes"
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    path.write_text(json.dumps({**document, "format": written_as, "library": digest}))
    assert read_info(library) == INFO


def test_a_library_without_kernels(tmp_path: Path) -> None:
    assert read_info(tmp_path / "model.so") == NOTHING_KNOWN


def test_another_build_is_noticed(library: Path) -> None:
    library.write_bytes(b"another build")
    with pytest.warns(VmprofWarning, match=r"another build than .*model\.so; compile the model"):
        assert read_info(library) == NOTHING_KNOWN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": 1, "library": "x"}', "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_left_aside(library: Path, text: str, reason: str) -> None:
    info_path(library).write_text(text)
    with pytest.warns(VmprofWarning, match=reason):
        assert read_info(library) == NOTHING_KNOWN


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 5}, "another version of vmprof"),
        ({"kernels": {"a": {"hash": "1"}}}, "cannot be read"),
        ({"calls": {"main": [["a", 1]]}}, "cannot be read"),
        ({"calls": {"main": ["a"]}}, "cannot be read"),
    ],
)
def test_changed_documents(library: Path, change: dict[str, object], reason: str) -> None:
    path = info_path(library)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.warns(VmprofWarning, match=reason):
        assert read_info(library) == NOTHING_KNOWN


def test_what_older_versions_wrote_is_read(library: Path) -> None:
    path = info_path(library)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    assert read_info(library).kernels.keys() == {"a", "b"}


def test_cost_of_fixed_shapes() -> None:
    assert STATIC.cost([(1, 784), (784, 10), (1, 10)]) == Cost(15690, 34496, 40)


def test_cost_of_symbolic_shapes() -> None:
    assert DYNAMIC.cost([(5, 16), (16, 8), (5, 8)]) == Cost(1280, 832, 160)
    assert DYNAMIC.cost([]) == Cost(None, None, None)


# ---- files that strangers wrote --------------------------------------------------


def changed(library: Path, **kernel: object) -> None:
    """Write other values into the entry of the kernel a."""
    path = info_path(library)
    document = json.loads(path.read_text())
    document["kernels"]["a"].update(kernel)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "kernel",
    [
        {"layouts": {"Duration (us)": "0"}},
        {"layouts": {"layout": "x" * 100_000}},
        {"layouts": ["layout"]},
        {"hash": "not hexadecimal"},
        {"hash": None},
        {"flops": "1+" * 100_000 + "1"},
        {"flops": 1.5},
        {"flops": True},
        {"flops": -1},
        {"flops": 1 << 70},
        {"bytes_read": float("nan")},
        {"shapes": [[{}]]},
        {"shapes": 7},
        {"operators": [{}]},
        {"limits": ["n", []]},
        {"flows": [{"source": -1, "target": 0, "exact": True}]},
    ],
)
def test_entries_that_are_none(library: Path, kernel: dict[str, object]) -> None:
    changed(library, **kernel)
    with pytest.warns(VmprofWarning, match="is left aside: it cannot be read") as warned:
        assert read_info(library) == NOTHING_KNOWN
    assert len(warned) == 1
    assert len(str(warned[0].message)) < 1000


@pytest.mark.parametrize(
    "expression",
    ["(" * 4000 + "n" + ")" * 4000, "n" + " - n" * 2000, "-" * 9000 + "n", "9**9**9", "T.min()"],
)
def test_expressions_made_to_harm_have_no_value(library: Path, expression: str) -> None:
    changed(library, flops=expression, shapes=[["n"]])
    cost = read_info(library).kernels["a"].cost([(3,)])
    assert cost.flops in (None, 3 - 3 * 2000)  # the depth that Python bears differs
    assert cost.bytes_read == STATIC.bytes_read


def test_products_beyond_64_bits_have_no_value(library: Path) -> None:
    changed(library, flops="n" + " * n" * 1000, shapes=[["n"]])
    assert read_info(library).kernels["a"].cost([(1 << 40,)]).flops is None


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 50_000, "\x00", '"\\ud800"', "9" * 5000])
def test_texts_made_to_harm(library: Path, text: str) -> None:
    info_path(library).write_text(text)
    with pytest.warns(VmprofWarning, match="is left aside: it cannot be read"):
        assert read_info(library) == NOTHING_KNOWN


def test_no_more_is_read_than_fits(library: Path) -> None:
    with info_path(library).open("r+b") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.warns(VmprofWarning, match="it is longer than 16 MiB"):
        assert read_info(library) == NOTHING_KNOWN


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file(library: Path, make: Callable[[Path], None]) -> None:
    info_path(library).unlink()
    make(info_path(library))
    with pytest.warns(VmprofWarning, match="it is no regular file"):
        assert read_info(library) == NOTHING_KNOWN


def test_the_format_before_signatures_is_read(library: Path) -> None:
    path = info_path(library)
    document = json.loads(path.read_text())
    del document["functions"]
    for kernel in document["kernels"].values():
        del kernel["limits"], kernel["flows"]
    path.write_text(json.dumps({**document, "format": 1}))
    info = read_info(library)
    assert info.kernels["a"] == STATIC
    assert info.kernels["b"] == replace(DYNAMIC, limits=None, flows=())
    assert info.signatures == {}
