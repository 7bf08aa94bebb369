"""Formulas and conditions: what they compute, and what they refuse."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.errors import VmprofError
from vmprof.expression import Condition, Formula


def test_formula_is_arithmetic_over_its_names() -> None:
    formula = Formula("1000 * (a - b) / -c + 2")
    assert formula.names == {"a", "b", "c"}
    assert formula.evaluate({"a": 5, "b": 2, "c": 4, "unused": 1}) == -748


@pytest.mark.parametrize(
    "text", ["a / b", "1e308 * 1e308 * a", "1e999", "1" + "0" * 400 + " * a / 3"]
)
def test_without_a_value(text: str) -> None:
    assert Formula(text).evaluate({"a": 3, "b": 0}) is None


@given(st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_a_value_is_a_finite_number(a: float, b: float) -> None:
    value = Formula("a / b - b").evaluate({"a": a, "b": b})
    assert value is None or math.isfinite(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it cannot be read: invalid syntax"),
        ("a +", "it cannot be read: invalid syntax"),
        ("a; b", "it cannot be read: invalid syntax"),
        ("a.__class__", "it holds something that has no place in it: a.__class__"),
        ("open('x')", "it holds something that has no place in it: open('x')"),
        ("a ** 9", "it holds something that has no place in it: Pow"),
        ("a if b else c", "it holds something that has no place in it: a if b else c"),
        ("[a]", "it holds something that has no place in it: [a]"),
        ("'x' * 3", "it holds a value that has no place in it: 'x'"),
        ("True + 1", "it holds a value that has no place in it: True"),
        ("1j", "it holds a value that has no place in it: 1j"),
        ("a" + " + a" * 400, "it is too long: it has 1602 parts, more than 300"),
    ],
)
def test_what_is_no_formula(text: str, complaint: str) -> None:
    with pytest.raises(VmprofError) as error:
        Formula(text)
    assert str(error.value).startswith(complaint)


@given(st.text())
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    with suppress(VmprofError):
        Formula(text)


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 5000 + "1", "\0"])
def test_what_python_cannot_parse_is_refused(text: str) -> None:
    with pytest.raises(VmprofError):
        Formula(text)


def test_the_longest_formulas_evaluate() -> None:
    assert Formula("a" + " + a" * 74).evaluate({"a": 1}) == 75
    assert Formula("-" * 149 + "1").evaluate({}) == -1


FACTS = {"vendor": "AuthenticAMD", "family": 0x19, "model": 0x11, "smt": True, "nothing": None}
HAS = {"has": lambda name: name == "cpu/slots/"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("vendor == 'AuthenticAMD' and 0x10 <= model <= 0x1f", True),
        ("family != 0x19 or model > 0x20", False),
        ("has('cpu/slots/') and not smt", False),
        ("not has('cpu/other/')", True),
        ("vendor == 'ARM' and nothing < 1", False),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert Condition(text).holds(FACTS, HAS) is holds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "vendr == 'ARM'",
            "there is no vendr; there are: vendor, family, model, smt, nothing, has",
        ),
        ("open('x')", "there is no open; there are: vendor"),
        ("nothing < 1", "'<' not supported between instances of 'NoneType' and 'int'"),
        ("vendor('x')", "Function 'vendor' not defined"),
        ("has('x', 'y')", "<lambda>() takes 1 positional argument"),
    ],
)
def test_conditions_about_what_there_is_not(text: str, complaint: str) -> None:
    condition = Condition(text)
    with pytest.raises(VmprofError) as error:
        condition.holds(FACTS, HAS)
    assert str(error.value).startswith(complaint)


def test_conditions_cannot_reach_into_objects() -> None:
    with pytest.raises(VmprofError, match=r"has no place in it: vendor.upper"):
        Condition("vendor.upper() == 'X'")
