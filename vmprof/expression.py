"""Expressions that users write, in formulas and conditions: parsed, checked, never eval()."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

from simpleeval import InvalidExpression, SimpleEval

from vmprof.errors import VmprofError

Value = float | str | bool | None
_Operators = dict[type[ast.AST], Callable[..., Value]]

_ARITHMETIC: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LOGIC: _Operators = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Not: operator.not_,
}
_LEAVES = (ast.Constant, ast.Name, ast.Load)
_FORMULA_NODES = (ast.BinOp, ast.UnaryOp, ast.USub, *_LEAVES, *_ARITHMETIC)
_CONDITION_NODES = (
    *(ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.Call, ast.UnaryOp),
    *_LEAVES,
    *_LOGIC,
)
# The evaluator calls itself for each level; this keeps it far from Python's limit.
_MAX_NODES = 300
_MAX_LENGTH = 10_000
_MAX_SHOWN = 60


class Formula:
    """Arithmetic over names: ``+ - * /``, parentheses, numbers.

    ``names`` are those that it uses. Raises :class:`VmprofError` for anything else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        tree = _parse(text, _FORMULA_NODES, (int, float))
        self.names = _names(tree)
        self._value = _function(tree)

    def evaluate(self, values: Mapping[str, float]) -> float | None:
        """The value; None where there is none, as of a division by zero.

        ``values`` has to have all ``names``.
        """
        try:
            value = float(self._value(values))
        except ArithmeticError:
            return None
        return value if math.isfinite(value) else None


class Condition:
    """Comparisons and function calls, joined by ``and``, ``or``, ``not``.

    ``names`` are those that it uses, functions included. Raises :class:`VmprofError` for
    anything else, and `holds` raises it for names that there are not and for what cannot be
    compared.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parse(text, _CONDITION_NODES, (int, float, str))
        self.names = _names(self._tree)

    def holds(
        self, values: Mapping[str, Value], functions: Mapping[str, Callable[[str], bool]]
    ) -> bool:
        if unknown := self.names - values.keys() - functions.keys():
            known = ", ".join([*values, *(f"{name}('...')" for name in functions)])
            raise VmprofError(f"there is no {', '.join(sorted(unknown))}; there are: {known}")
        evaluator = SimpleEval(operators=_LOGIC, functions=dict(functions), names=dict(values))
        try:
            return bool(evaluator.eval(self.text, previously_parsed=self._tree))
        except (InvalidExpression, TypeError) as error:
            raise VmprofError(str(error)) from error


def alias(column: str) -> str:
    """A column's name in formulas: ``cache_misses`` for ``perf::CACHE-MISSES``.

    It is in lower case, without ``perf::``; what no name can hold becomes an
    underscore.
    """
    name = re.sub(r"\W+", "_", column.lower().removeprefix("perf::")).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def _function(tree: ast.expr) -> Callable[[Mapping[str, float]], float]:
    """The arithmetic of ``tree``: formulas are evaluated for every row of a report."""
    match tree:
        case ast.Constant(value=float() | int() as value):
            return lambda _: value
        case ast.Name(id=name):
            return operator.itemgetter(name)
        case ast.UnaryOp(operand=operand):
            inner = _function(operand)
            return lambda values: -inner(values)
        case ast.BinOp(left, op, right):
            first, second, apply = _function(left), _function(right), _ARITHMETIC[type(op)]
            return lambda values: apply(first(values), second(values))
    raise AssertionError(f"{_show(tree)} has passed the check")


def _parse(text: str, allowed: tuple[type[ast.AST], ...], constants: tuple[type, ...]) -> ast.expr:
    if len(text) > _MAX_LENGTH:
        raise VmprofError(f"it is too long: it has {len(text):,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    # Too deep, too long, a null byte: whatever Python's parser refuses.
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise VmprofError(f"it cannot be read: {reason}") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > _MAX_NODES:
        raise VmprofError(f"it is too long: it has {len(nodes)} parts, more than {_MAX_NODES}")
    # Checked as a whole before any of it is evaluated.
    for node in nodes:
        if not isinstance(node, allowed):
            raise VmprofError(f"it holds something that has no place in it: {_show(node)}")
        if isinstance(node, ast.Constant) and type(node.value) not in constants:
            raise VmprofError(f"it holds a value that has no place in it: {_show(node)}")
    return tree


def _show(node: ast.AST) -> str:
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        text = ""
    if len(text) > _MAX_SHOWN:
        text = f"{text[:_MAX_SHOWN]}..."
    return text or type(node).__name__


def _names(tree: ast.expr) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
