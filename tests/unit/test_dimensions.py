"""Symbolic dimensions: only arithmetic, and an answer or None."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.program.annotations import (
    annotation_of_context,
    parameter_of_context,
    parse_annotation,
    type_of,
)
from vmprof.program.dimensions import (
    dimension_of,
    evaluate,
    numbered,
    renamed,
    symbols_of,
    written_as,
)
from vmprof.program.types import ShapeType, TensorType, UnknownType


@pytest.mark.parametrize(
    ("text", "symbols", "value"),
    [
        ("n", ["n"], 6),
        ("n * 2", ["n"], 12),
        ("T.int64(2) * n + m", ["n", "m"], 16),
        ("n // 4", ["n"], 1),
        ("n % 4", ["n"], 2),
        ("T.max(n - 10, T.int64(0))", ["n"], 0),
        ("T.min(n, m)", ["n", "m"], 4),
        ("-n", ["n"], -6),
        ("k", ["k"], None),
        ("n // 0", ["n"], None),
        ("T.exp(n)", ["n"], None),
        ("__import__('os')", ["__import__"], None),
    ],
)
def test_evaluates_arithmetic_alone(text: str, symbols: list[str], value: int | None) -> None:
    dimension = dimension_of(ast.parse(text, mode="eval").body)
    if dimension is not None:
        assert symbols_of(dimension) == symbols
    assert evaluate(text, {"n": 6, "m": 4}) == value


def test_a_number_stays_a_number() -> None:
    assert dimension_of(ast.parse("T.int64(784)", mode="eval").body) == 784
    assert evaluate(784, {}) == 784
    assert evaluate(None, {}) is None


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["+", "-", "*", "//", "%"]))
def test_agrees_with_python(a: int, b: int, operator: str) -> None:
    try:
        expected = eval(f"({a}) {operator} ({b})")
    except ZeroDivisionError:
        expected = None
    assert evaluate(f"a {operator} b", {"a": a, "b": b}) == expected


def test_symbols_that_are_written_alike() -> None:
    assert [numbered("n", 1), numbered("n", 2)] == ["n", "n#2"]
    assert [written_as("n"), written_as("n#2")] == ["n", "n"]
    dimension = renamed("n * 2 + n_1", {"n_1": "n#2"})
    assert dimension == "n * 2 + n#2"
    assert symbols_of(dimension) == ["n", "n#2"]
    assert evaluate(dimension, {"n": 1, "n#2": 5}) == 7


@pytest.mark.parametrize("text", ["n" + " - n" * 3000, "-" * 3000 + "n", "n * " * 2000 + "n"])
def test_expressions_that_are_too_deep_or_too_large(text: str) -> None:
    node = parse_annotation(text)
    assert node is None or dimension_of(node) is None or isinstance(dimension_of(node), str)
    assert evaluate(text, {"n": 1 << 40}) in (None, (1 << 40) - 3000 * (1 << 40))


# ---- annotations -------------------------------------------------------------------


@given(st.text(alphabet='RT.TensorShapeTuple(),[]"=n2_*- dtype', max_size=60))
def test_any_text_has_a_type(text: str) -> None:
    type_of(parse_annotation(text))


def test_annotations() -> None:
    context = "ErrorContext(fn=a.b, loc=param[3], param=x(y, annotation=R.Shape([n, 2_n])) "
    assert parameter_of_context(context) == ("a.b", 3, "R.Shape([n, 2_n])")
    # TVM's 2_n, of a symbol that is called "2*n", is no name in Python.
    assert type_of(annotation_of_context(context)) == ShapeType(("n", "_2_n"))
    assert type_of(parse_annotation('R.Tensor(dtype="float8_e4m3fn", ndim=2)')) == TensorType(
        (10, 8, 1), (None, None)
    )
    assert type_of(parse_annotation('R.Tensor((1,), dtype="nothing")')) == TensorType(None, (1,))
    assert type_of(parse_annotation("R.Object")) == UnknownType()
    assert type_of(parse_annotation(f"R.Tensor(ndim={1 << 40})")) == TensorType(None, None)
