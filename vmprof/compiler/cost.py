"""Operations and bytes of a kernel, read off its TensorIR before it is scheduled."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from tvm import s_tir, tirx
from tvm.tirx.buffer import is_buffer_var

from vmprof.program.dimensions import Dimension

# A number, or an expression over symbolic dimensions. TVM has no type stubs.
Number = Any

_ARITHMETIC = (
    *(tirx.Add, tirx.Sub, tirx.Mul, tirx.Div, tirx.Mod, tirx.FloorDiv, tirx.FloorMod),
    *(tirx.Min, tirx.Max),
)
_CHOICE = "prim.if_then_else"


def operations(function: Any) -> Dimension:
    """How many additions, products, exponentials, ... on data one call makes.

    Each counts as one. Comparisons, conversions and the arithmetic of indices do
    not count, nor what a reduction begins with. Of two branches the costlier does.
    """
    return _dimension(_statement(function.body))


def tensor_bytes(function: Any) -> tuple[Dimension, Dimension]:
    """Bytes of the tensors that a call reads, and of those that it writes, each counted once."""
    written = {store.buffer for store in _stores(function.body)}
    tensors = [parameter for parameter in function.params if is_buffer_var(parameter)]
    return (
        _dimension(sum(_bytes(tensor) for tensor in tensors if tensor not in written)),
        _dimension(sum(_bytes(tensor) for tensor in tensors if tensor in written)),
    )


def tensor_shapes(function: Any) -> tuple[tuple[Dimension, ...], ...]:
    """The shapes of the tensors among the parameters of ``function``."""
    return tuple(
        tuple(_dimension(_number(size)) for size in parameter.shape)
        for parameter in function.params
        if is_buffer_var(parameter)
    )


def _bytes(tensor: Any) -> Number:
    bits = tensor.dtype.bits * tensor.dtype.lanes
    return prod(map(_number, tensor.shape)) * bits // 8


def _stores(statement: Any) -> Iterator[Any]:
    """The places where ``statement`` writes."""
    match statement:
        case tirx.BufferStore():
            yield statement
        case tirx.SeqStmt():
            for each in statement.seq:
                yield from _stores(each)
        case s_tir.SBlockRealize():
            yield from _stores(statement.block.body)
        case tirx.IfThenElse():
            for branch in (statement.then_case, statement.else_case):
                yield from _stores(branch)
        case _:
            body = getattr(statement, "body", None)
            if body is not None:
                yield from _stores(body)


def _statement(statement: Any) -> Number:
    match statement:
        case tirx.SeqStmt():
            return sum(map(_statement, statement.seq))
        case tirx.For():
            return _statement(statement.body) * _number(statement.extent)
        case s_tir.SBlockRealize():
            return _statement(statement.block.body)
        case tirx.IfThenElse():
            branches = [statement.then_case, statement.else_case]
            return _most(*(_statement(branch) for branch in branches if branch is not None))
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
    if getattr(expression.op, "name", "") == _CHOICE:
        return max(map(_expression, arguments[1:]))
    return 1 + sum(map(_expression, arguments))


def _most(*numbers: Number) -> Number:
    """The largest; of symbolic ones, where that is not known, the first."""
    return max(numbers) if all(isinstance(n, int) for n in numbers) else numbers[0]


def _number(size: Any) -> Number:
    return int(size) if isinstance(size, tirx.IntImm) else size


def _dimension(number: Number) -> Dimension:
    if isinstance(number, tirx.IntImm):
        return int(number)
    return number if isinstance(number, int) else str(number)
