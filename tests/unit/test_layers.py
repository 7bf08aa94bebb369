"""Layers as text: of a call, of several rows, to a depth of their paths."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import network

from vmprof import VmprofError
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Register,
    Ret,
)
from vmprof.program.layers import KernelCall, layers_by_instruction, straight_calls
from vmprof.report.aggregate import merge_calls
from vmprof.report.layers import NO_LAYER, by_layer, cell_of, layers_of, short, within
from vmprof.values import LAYER, Count

PATHS = st.lists(st.text("ab./1", min_size=1, max_size=8), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("layer1.0.conv1 + layer1.0.relu", "layer1.0.{conv1, relu}"),
        ("/l/0/conv/Conv + /l/0/act/Relu", "/l/0/{conv/Conv, act/Relu}"),
        ("layer1.0.conv1 + layer1.0", "layer1.{0.conv1, 0}"),
        ("layer1.0 + layer2.0", "layer1.0 + layer2.0"),
        ("conv", "conv"),
        ("", ""),
    ],
)
def test_what_layers_have_in_common_is_said_once(cell: str, expected: str) -> None:
    assert short(cell) == expected


@given(PATHS)
def test_no_layer_is_lost(layers: list[str]) -> None:
    cell = cell_of(layers)
    assert set(layers_of(cell)) == set(layers)
    assert within(cell, None) == cell
    assert within(cell, 100) == cell
    assert within(within(cell, 2), 1) == within(cell, 1)
    common, brace, rest = short(cell).partition("{")
    if brace:
        ends = rest.removesuffix("}").split(", ")
        assert [f"{common}{end}" for end in ends] == [*dict.fromkeys(layers)]


@pytest.mark.parametrize(
    ("cell", "depth", "expected"),
    [
        ("layer1.0.conv1 + layer1.0.relu", 2, "layer1.0"),
        ("layer1.0.conv1 + layer2.1.relu", 1, "layer1 + layer2"),
        ("/encoder/layer.0/MatMul", 2, "/encoder/layer"),
        ("conv", 3, "conv"),
        (None, 1, ""),
    ],
)
def test_depth(cell: str | None, depth: int, expected: str) -> None:
    assert within(cell, depth) == expected


def test_merged_rows_have_the_layers_of_all() -> None:
    calls = [{"Name": "a", LAYER: "x.1"}, {"Name": "a"}, {"Name": "a", LAYER: "x.2 + x.1"}]
    assert merge_calls(calls) == [{"Name": "a", LAYER: "x.1 + x.2"}]


def test_calls_by_layer() -> None:
    report = network(2)
    layers = iter(["a.conv", "a.conv", "a.softmax", "", "b.conv + b.add", "b.conv", "b.softmax"])
    calls = tuple({**row, LAYER: layer} for row, layer in zip(report.calls, layers, strict=False))
    report = replace(report, calls=(*calls, report.calls[-1]))
    rows = {str(row["Name"]): row for row in merge_calls(by_layer(report, 1).calls)}
    assert {name: row["Count"] for name, row in rows.items()} == {
        "a": Count(3),
        NO_LAYER: Count(2),
        "b": Count(3),
    }
    assert "Argument Shapes" not in rows["a"]
    whole = merge_calls(by_layer(report).calls)
    assert [row["Name"] for row in whole] == [
        *("a.conv", "a.softmax", NO_LAYER),
        *("b.conv + b.add", "b.conv", "b.softmax"),
    ]


def test_a_report_without_layers() -> None:
    with pytest.raises(VmprofError, match="does not say of which layers calls are"):
        by_layer(network())


# ---- layers and bytecode ---------------------------------------------------------------


def bytecode(*callees: str) -> Bytecode:
    """``main``, which calls packed functions."""
    names = [*dict.fromkeys(callees)]
    packed = [Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ()) for name in names]
    main = Function(FunctionKind.VM, "main", 0, len(callees) + 1, 0, 1, ())
    calls = [Call(Register(0), FunctionReference(names.index(n), n), ()) for n in callees]
    return Bytecode((*packed, main), (*calls, Ret(Register(0))), (), {})


CALLS = {"main": (KernelCall("f", "a"), KernelCall("reshape", "b"), KernelCall("f", "c"))}


def test_kernels_are_called_in_the_compilers_order() -> None:
    code = bytecode("alloc", "f", "vm.builtin.reshape", "alloc", "f")
    assert layers_by_instruction(code, CALLS) == {1: "a", 4: "c"}
    assert [callee for _, callee in straight_calls(code, "main")].count("f") == 2


@pytest.mark.parametrize("callees", [("f",), ("f", "f", "f"), ("reshape", "f", "f"), ("g",)])
def test_other_calls_than_the_compiler_knew_tell_nothing(callees: tuple[str, ...]) -> None:
    assert layers_by_instruction(bytecode(*callees), CALLS) == {}
