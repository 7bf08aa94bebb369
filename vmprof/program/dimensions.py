"""Dimensions of a shape: numbers, or expressions over named symbols.

TVM writes them into its error contexts as TVMScript: ``784``, ``n``,
``T.int64(2) * n``. Only arithmetic is understood here; nothing is executed.

Two symbols may be written alike. The second ``n`` of a function is called ``n#2``.
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
# Longer expressions are not looked into: strangers write them.
_MAX_LENGTH = 10_000
# What Python allows in a name, in place of "#".
_NUMBERED = "\N{MIDDLE DOT}"
# What an expression that TVM did not write may raise.
_WRONG = (
    *(KeyError, VmprofError, ArithmeticError, TypeError, ValueError),
    *(SyntaxError, RecursionError, MemoryError),
)


def numbered(symbol: str, number: int) -> str:
    """The name of the symbol that is the ``number``-th to be written ``symbol``, from 1 on."""
    return symbol if number == 1 else f"{symbol}#{number}"


def written_as(symbol: str) -> str:
    """How TVM writes ``symbol``: the other way round."""
    return symbol.partition("#")[0]


def dimension_of(node: ast.expr) -> Dimension:
    """A parsed TVMScript expression as a dimension: a number where it is one."""
    try:
        return _evaluate(node, {})
    except KeyError:
        pass
    except _WRONG:
        return None
    try:
        return _named(ast.unparse(node))
    except RecursionError:
        return None


def renamed(dimension: Dimension, names: Mapping[str, str]) -> Dimension:
    """``dimension`` with other symbols in it."""
    if not isinstance(dimension, str):
        return dimension
    tree = _parse(dimension)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (name := names.get(_named(node.id))):
            node.id = name.replace("#", _NUMBERED)
    return _named(ast.unparse(tree))


def symbols_of(dimension: Dimension) -> list[str]:
    """The symbols that ``dimension`` depends on, in order of appearance."""
    if not isinstance(dimension, str):
        return []
    names = [n for n in ast.walk(_parse(dimension)) if isinstance(n, ast.Name) and n.id != "T"]
    names.sort(key=lambda name: name.col_offset)  # ast.walk goes breadth first
    return list(dict.fromkeys(_named(name.id) for name in names))


def evaluate(dimension: Dimension, values: Mapping[str, int]) -> int | None:
    """The number that ``dimension`` is under ``values``; None where that says nothing.

    A number beyond 64 bits is none either.
    """
    if not isinstance(dimension, str):
        return dimension
    if len(dimension) > _MAX_LENGTH:
        return None
    try:
        number = _evaluate(_parse(dimension), values)
    except _WRONG:
        return None
    return number if abs(number) < 1 << 63 else None


def _parse(dimension: str) -> ast.expr:
    return ast.parse(dimension.replace("#", _NUMBERED), mode="eval").body


def _named(text: str) -> str:
    return text.replace(_NUMBERED, "#")


def _evaluate(node: ast.expr, values: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return values[_named(name)]
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
