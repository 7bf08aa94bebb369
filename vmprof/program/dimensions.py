"""Dimensions of a shape: numbers, or expressions over named symbols.

TVM writes them into its error contexts as TVMScript: ``784``, ``n``,
``T.int64(2) * n``. Only arithmetic is understood here; nothing is executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from vmprof.errors import VmprofError

# A number, an expression over symbols, or None: not known before the run.
Dimension = int | str | None

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., int]] = {"min": min, "max": max}


def dimension_of(node: ast.expr) -> Dimension:
    """A parsed TVMScript expression as a dimension: a number where it is one."""
    try:
        return _evaluate(node, {})
    except KeyError:
        return ast.unparse(node)
    except (VmprofError, ZeroDivisionError):
        return None


def symbols_of(dimension: Dimension) -> list[str]:
    """The symbols that ``dimension`` depends on, in order of appearance."""
    if not isinstance(dimension, str):
        return []
    tree = ast.parse(dimension, mode="eval")
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id != "T"]
    names.sort(key=lambda name: name.col_offset)  # ast.walk goes breadth first
    return list(dict.fromkeys(name.id for name in names))


def evaluate(dimension: Dimension, values: Mapping[str, int]) -> int | None:
    """The number that ``dimension`` is under ``values``; None where that says nothing."""
    if not isinstance(dimension, str):
        return dimension
    try:
        return _evaluate(ast.parse(dimension, mode="eval").body, values)
    except (KeyError, VmprofError, ZeroDivisionError):
        return None


def _evaluate(node: ast.expr, values: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, values)
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATORS:
            return _OPERATORS[type(operation)](_evaluate(left, values), _evaluate(right, values))
        # As in T.int64(2) and T.min(n, 8).
        case ast.Call(func=ast.Attribute(value=ast.Name(id="T"), attr=name), args=args):
            numbers = [_evaluate(arg, values) for arg in args]
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](*numbers)
            if name.startswith(("int", "uint")) and len(numbers) == 1:
                return numbers[0]
    raise VmprofError(f"cannot evaluate the dimension {ast.unparse(node)}")
