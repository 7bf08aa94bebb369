"""Symbolic dimensions: only arithmetic, and an answer or None."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.program.dimensions import dimension_of, evaluate, symbols_of


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
