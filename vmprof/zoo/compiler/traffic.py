"""Bytes that a call of a kernel moves, read off its TensorIR before it is scheduled.

Of a tensor that is gathered from, or of which a slice is taken, a call touches a part.
Which part may depend on data; how much it can be at most does not: each load reads one
element for each step of the loops that its indices depend on. Of each tensor that many
bytes are counted, or all that it has if that is less. It is exact where nothing is read
twice from different places of the code, else a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import tvm
import tvm_ffi
from tvm import tirx
from tvm.tirx.buffer import is_buffer_var

from vmprof.program.dimensions import Dimension
from vmprof.zoo.compiler.number import Number, dimension, least, number
from vmprof.zoo.tvm_names import SBlockRealize, StringImm, TensorLoad, loaded

_LEAVES = (tirx.Var, tirx.IntImm, tirx.FloatImm, StringImm)
_PARTS = ("a", "b", "condition", "true_value", "false_value", "value", "base", "stride", "body")


def tensor_bytes(function: Any) -> tuple[Dimension, Dimension]:
    """Bytes of the tensors that a call reads, and of those that it writes.

    A tensor that it writes, and also reads, is counted as written alone.
    """
    tensors = [parameter for parameter in function.params if is_buffer_var(parameter)]
    symbols = {var for tensor in tensors for size in tensor.shape for var in _variables(size)}
    accesses = _Accesses(symbols)
    accesses.statement(function.body)
    written = [tensor for tensor in tensors if accesses.stored.of(tensor)]
    read = [tensor for tensor in tensors if not accesses.stored.of(tensor)]
    return (
        dimension(sum(accesses.bytes_of(tensor, accesses.loaded) for tensor in read)),
        dimension(sum(accesses.bytes_of(tensor, accesses.stored) for tensor in written)),
    )


@dataclass
class _Elements:
    """How many elements of each buffer are touched at most; None where nobody can tell."""

    counts: list[tuple[Any, Number | None]] = field(default_factory=list)

    def add(self, buffer: Any, count: Number | None) -> None:
        self.counts.append((buffer, count))

    def of(self, tensor: Any) -> list[Number | None]:
        return [count for buffer, count in self.counts if buffer.same_as(tensor)]


class _Accesses:
    """Loads and stores of a function whose shapes are over ``symbols``."""

    def __init__(self, symbols: set[Any]) -> None:
        self.loaded, self.stored = _Elements(), _Elements()
        self._symbols = symbols
        self._extents: dict[Any, Number | None] = {}  # of the loops around, by variable
        self._loops: dict[Any, set[Any]] = {}  # those that each variable depends on
        self._seen: list[Any] = []  # loads of the statement
        self._endless = False  # in a loop that ends when it wants
        self._hidden = False  # something is in the code that this module does not know

    def bytes_of(self, tensor: Any, elements: _Elements) -> Number:
        """Of ``elements`` of a parameter; of all of it where they are not known."""
        size = tensor.dtype.bits * tensor.dtype.lanes
        whole = prod(map(number, tensor.shape)) * size // 8
        counts = elements.of(tensor)
        known = [count for count in counts if count is not None]
        if self._hidden or not known or len(known) < len(counts):
            return whole
        return least(whole, sum(known) * size // 8)

    def statement(self, statement: Any) -> None:
        match statement:
            case None:
                pass
            case tirx.SeqStmt():
                for each in statement.seq:
                    self.statement(each)
            case tirx.For():
                self._expressions(statement.min, statement.extent)
                self._loop(statement.loop_var, statement.extent)
                self.statement(statement.body)
            case tirx.While():
                outside, self._endless = self._endless, True
                self._expressions(statement.condition)
                self.statement(statement.body)
                self._endless = outside
            case SBlockRealize():
                self._block(statement)
            case tirx.IfThenElse():
                self._expressions(statement.condition)
                self.statement(statement.then_case)
                self.statement(statement.else_case)
            case tirx.BufferStore():
                self._expressions(statement.value, *statement.indices)
                self.stored.add(statement.buffer, self._steps(statement.indices))
            case tirx.Evaluate() | tirx.AssertStmt():
                self._expressions(getattr(statement, "value", None))
                self._expressions(getattr(statement, "condition", None))
                self.statement(getattr(statement, "body", None))
            case tirx.AttrStmt():
                self._expressions(statement.value)
                self.statement(statement.body)
            case tirx.Bind():
                self._expressions(statement.value)
                self._loops[statement.var] = self._loops_of([statement.value])
            case tirx.AllocBuffer():
                self.statement(getattr(statement, "body", None))
            case _:
                self._hidden = True

    def _block(self, realize: Any) -> None:
        block = realize.block
        self._expressions(realize.predicate, *realize.iter_values)
        if block.match_buffers:
            self._hidden = True
        for variable, value in zip(block.iter_vars, realize.iter_values, strict=True):
            self._loops[variable.var] = self._loops_of([value])
        self.statement(block.init)
        self.statement(block.body)

    def _loop(self, variable: Any, extent: Any) -> None:
        known = all(var in self._symbols for var in _variables(extent))
        self._extents[variable] = number(extent) if known else None
        self._loops[variable] = {variable}

    def _loops_of(self, expressions: Iterable[Any]) -> set[Any]:
        return {
            loop
            for expression in expressions
            for variable in _variables(expression)
            for loop in self._loops.get(variable, ())
        }

    def _steps(self, indices: Sequence[Any]) -> Number | None:
        """For how many elements ``indices`` can stand."""
        extents = [self._extents[loop] for loop in self._loops_of(indices)]
        lanes = [index.lanes for index in indices if isinstance(index, tirx.Ramp)]
        if self._endless or None in extents:
            return None
        return prod(map(number, [*extents, *lanes]))

    def _expressions(self, *expressions: Any) -> None:
        """Loads in the expressions of one statement; the same load counts once."""
        self._seen.clear()
        for expression in expressions:
            self._expression(expression)

    def _expression(self, expression: Any) -> None:
        match expression:
            case None:
                pass
            case TensorLoad():
                if not any(tvm_ffi.structural_equal(expression, seen) for seen in self._seen):
                    self._seen.append(expression)
                    self.loaded.add(loaded(expression), self._steps(expression.indices))
                for index in expression.indices:
                    self._expression(index)
            case tirx.Var() if is_buffer_var(expression):
                self.loaded.add(expression, None)  # its address: what becomes of it, nobody knows
                self.stored.add(expression, None)
            case tirx.Let():
                self._expression(expression.value)
                self._loops[expression.var] = self._loops_of([expression.value])
                self._expression(expression.body)
            case _ if isinstance(expression, _LEAVES):
                pass
            case _:
                self._parts(expression)

    def _parts(self, expression: Any) -> None:
        arguments = getattr(expression, "args", None)
        if arguments is not None:
            if getattr(getattr(expression, "op", None), "name", "").endswith("address_of"):
                self._hidden = True
            for each in arguments:
                self._expression(each)
            return
        parts = [getattr(expression, name, None) for name in _PARTS]
        if all(part is None for part in parts):
            self._hidden = True
        for part in parts:
            self._expression(part)


def _variables(expression: Any) -> list[Any]:
    """The variables in an expression, buffers among them."""
    if not isinstance(expression, tvm.ir.Expr) or isinstance(expression, tirx.IntImm):
        return []
    return list(tirx.analysis.undefined_vars(expression))
