"""Operations and shapes of a kernel, read off its TensorIR before it is scheduled."""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.tirx.buffer import is_buffer_var

from vmprof.program.dimensions import Dimension
from vmprof.zoo.compiler.number import Number, dimension, most, number
from vmprof.zoo.tvm_names import SBlockRealize

_ARITHMETIC = (
    *(tirx.Add, tirx.Sub, tirx.Mul, tirx.Div, tirx.Mod, tirx.FloorDiv, tirx.FloorMod),
    *(tirx.Min, tirx.Max),
)
_CHOICE = ("prim.if_then_else", "tirx.if_then_else")  # the latter is TVM 0.26's


def operations(function: Any) -> Dimension:
    """How many additions, products, exponentials, ... on data one call makes.

    Each counts as one. Comparisons, conversions and the arithmetic of indices do
    not count, nor what a reduction begins with. Of two branches the costlier does.
    """
    return dimension(_statement(function.body))


def tensor_shapes(function: Any) -> tuple[tuple[Dimension, ...], ...]:
    """The shapes of the tensors among the parameters of ``function``."""
    return tuple(
        tuple(dimension(number(size)) for size in parameter.shape)
        for parameter in function.params
        if is_buffer_var(parameter)
    )


def _statement(statement: Any) -> Number:
    match statement:
        case tirx.SeqStmt():
            return sum(map(_statement, statement.seq))
        case tirx.For():
            return _statement(statement.body) * number(statement.extent)
        case SBlockRealize():
            return _statement(statement.block.body)
        case tirx.IfThenElse():
            branches = [statement.then_case, statement.else_case]
            return most(*(_statement(branch) for branch in branches if branch is not None))
        case tirx.BufferStore():
            return _expression(statement.value)
        case tirx.Evaluate():
            return _expression(statement.value)
    body = getattr(statement, "body", None)
    return 0 if body is None else _statement(body)


def _expression(expression: Any) -> int:
    match expression:
        case tirx.Select():
            return max(_expression(expression.true_value), _expression(expression.false_value))
        case tirx.Cast():
            return _expression(expression.value)
        case tirx.Let():
            return _expression(expression.value) + _expression(expression.body)
    if isinstance(expression, _ARITHMETIC):
        return 1 + _expression(expression.a) + _expression(expression.b)
    arguments = getattr(expression, "args", None)  # of a call, which has an operator
    if arguments is None or not hasattr(expression, "op"):
        return 0
    if getattr(expression.op, "name", "") in _CHOICE:
        return max(map(_expression, arguments[1:]))
    return 1 + sum(map(_expression, arguments))
