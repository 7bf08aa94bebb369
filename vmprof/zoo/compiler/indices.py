"""Which integers of a kernel's tensors are places in other tensors: read off its TensorIR.

A value that a kernel is given goes on as it is (``exact``), or something is computed of
it. An exact one that is an index must stay below the size of what it indexes; of a
computed one nothing is known but that zeros are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tvm_ffi
from tvm import ir, tirx
from tvm.tirx.buffer import is_buffer_var

from vmprof.program.dimensions import Dimension
from vmprof.program.kernels import Flow
from vmprof.zoo.tvm_names import Analyzer, SBlock, TensorLoad, loaded

# TVM has no type stubs.
Expression = Any
Buffer = Any

# Tensors of a kernel by number, and whether their elements come as they are.
_Sources = dict[int, bool]

_ZERO_ALONE = 1
# Names for values, and what may run any number of times: what goes through them is not followed.
_NOT_FOLLOWED = (tirx.Bind, tirx.LetStmt, tirx.Let, tirx.DeclBuffer, tirx.While)


def limits_and_flows(function: Any) -> tuple[tuple[Dimension, ...], tuple[Flow, ...]]:
    """What :class:`vmprof.program.kernels.Kernel` calls so, of the kernel ``function``."""
    analysis = _Analysis([p for p in function.params if is_buffer_var(p)])
    if _found(function.body, _NOT_FOLLOWED) or _aliases(function.body):
        analysis.give_up()
    else:
        before = None
        # What a loop stores late may be read early in its next round.
        while before != (before := analysis.state()):
            analysis.visit(function.body)
    return analysis.limits(), analysis.flows()


class _Analysis:
    def __init__(self, tensors: list[Buffer]) -> None:
        self._tensors = tensors
        self._sources: dict[Buffer, _Sources] = {
            tensor: {i: True} for i, tensor in enumerate(tensors) if _is_integer(tensor.dtype)
        }
        self._limits: list[Expression | None] = [None] * len(tensors)
        self._flows: dict[tuple[int, int], bool] = {}

    def state(self) -> object:
        """What :meth:`visit` may change."""
        sources = [sorted(each.items()) for each in self._sources.values()]
        return self.limits(), self.flows(), sources

    def give_up(self) -> None:
        """Take it that anything may happen to any integer."""
        integers = list(self._sources)
        for i, tensor in enumerate(self._tensors):
            if tensor in integers:
                self._limits[i] = _ZERO_ALONE
                for j, other in enumerate(self._tensors):
                    if other in integers and i != j:
                        self._flows[i, j] = False

    def limits(self) -> tuple[Dimension, ...]:
        return tuple(
            None if limit is None else int(limit) if _is_number(limit) else str(limit)
            for limit in self._limits
        )

    def flows(self) -> tuple[Flow, ...]:
        return tuple(
            Flow(source, target, exact) for (source, target), exact in sorted(self._flows.items())
        )

    def visit(self, function_body: Any) -> None:
        """Go through the statements, in order."""
        for statement in _statements(function_body):
            match statement:
                case tirx.BufferStore():
                    self._access(statement)
                    self._indices_in(statement.value)
                    self._store(statement)
                case tirx.For():
                    self._anything(statement.extent)
                    self._anything(statement.min)
                case tirx.IfThenElse():
                    self._indices_in(statement.condition)
                case tirx.Evaluate():
                    self._opaque(statement.value)

    def _store(self, store: Any) -> None:
        if not _is_integer(store.buffer.dtype):
            return  # what is no integer any more is no index
        value, exact = _without_casts(store.value), False
        if isinstance(value, TensorLoad):
            exact = True
        sources = self._sources.setdefault(store.buffer, {})
        for load in _loads(value):
            for source, was_exact in self._sources.get(loaded(load), {}).items():
                sources[source] = sources.get(source, True) and was_exact and exact
        if store.buffer in self._tensors:
            target = self._tensors.index(store.buffer)
            for source, is_exact in sources.items():
                if source != target:
                    self._flows[source, target] = is_exact

    def _indices_in(self, expression: Expression) -> None:
        """Note the accesses in ``expression``."""
        for load in _loads_anywhere(expression):
            self._access(load)

    def _access(self, access: Any) -> None:
        """A load or a store: what are its indices made of?"""
        buffer = access.buffer if isinstance(access, tirx.BufferStore) else loaded(access)
        for index, size in zip(access.indices, buffer.shape, strict=True):
            self._indices_in(index)
            loads = list(_loads(index))
            for load in loads:
                stays = len(loads) == 1 and _stays_inside(index, load, size)
                for source, exact in self._sources.get(loaded(load), {}).items():
                    self._limit(source, size if exact and stays else _ZERO_ALONE)

    def _anything(self, expression: Expression) -> None:
        """Whatever is read in ``expression`` may be used for anything."""
        self._indices_in(expression)
        for load in _loads(expression):
            self._bar(loaded(load))

    def _opaque(self, call: Expression) -> None:
        """A call that may be given whole tensors, and do with them what it likes."""
        self._anything(call)
        for buffer in self._passed(call):
            self._bar(buffer)

    def _passed(self, call: Expression) -> Iterator[Buffer]:
        """The tensors that are arguments as a whole."""
        whole: list[Any] = []
        tvm_ffi.structural_visit(
            call,
            (
                (TensorLoad, lambda load, visitor: visitor.visit(load.indices)),
                (tirx.Var, lambda variable, _: whole.append(variable)),
            ),
        )
        for buffer in self._sources:
            if any(variable.same_as(buffer) for variable in whole):
                yield buffer

    def _bar(self, buffer: Buffer) -> None:
        for source in self._sources.get(buffer, {}):
            self._limit(source, _ZERO_ALONE)

    def _limit(self, source: int, size: Expression) -> None:
        """Elements of the tensor ``source`` have to stay below ``size``."""
        known = self._limits[source]
        if known is None or (_is_number(size) and _is_number(known) and int(size) < int(known)):
            self._limits[source] = size
        elif not (_is_number(size) and _is_number(known)) and str(size) != str(known):
            self._limits[source] = _ZERO_ALONE  # which of two is smaller depends on the call


def _aliases(body: Any) -> bool:
    """Whether a block has other names for tensors."""
    return any(block.match_buffers for block in _found(body, (SBlock,)))


def _stays_inside(index: Expression, load: Expression, size: Expression) -> bool:
    """Whether ``index`` is a place among ``size`` whenever ``load``, in it, is one."""
    analyzer = Analyzer()
    value = tirx.Var("value", load.ty.dtype)
    analyzer.bind(value, ir.Range.from_min_extent(tirx.const(0, load.ty.dtype), _as(value, size)))
    replaced = analyzer.simplify(_replaced(index, load, value))
    if _without_casts(replaced).same_as(value):
        return True
    return bool(
        analyzer.can_prove(replaced >= 0) and analyzer.can_prove(replaced < _as(replaced, size))
    )


def _as(like: Expression, size: Expression) -> Expression:
    """``size`` as a number of the type of ``like``."""
    if _is_number(size):
        return tirx.const(int(size), like.ty.dtype)
    return size if size.ty.dtype == like.ty.dtype else tirx.Cast(like.ty.dtype, size)


def _replaced(expression: Expression, load: Expression, value: Expression) -> Expression:
    """``expression`` with ``value`` wherever ``load`` stands, which may be more than once."""
    return tvm_ffi.structural_map(
        expression,
        (TensorLoad, lambda each: value if tvm_ffi.structural_equal(each, load) else each),
    )


def _statements(body: Any) -> list[Any]:
    """All statements, each before those inside it, and in the order in which they run."""
    return _found(body, (tirx.BufferStore, tirx.For, tirx.IfThenElse, tirx.Evaluate))


def _loads_anywhere(expression: Expression) -> list[Any]:
    return _found(expression, (TensorLoad,))


def _loads(expression: Expression) -> list[Any]:
    """The loads whose values ``expression`` is made of: not those in the indices of others."""
    found: list[Any] = []

    def note(load: Any, _: Any) -> None:
        if not any(tvm_ffi.structural_equal(load, other) for other in found):
            found.append(load)

    tvm_ffi.structural_visit(expression, ((TensorLoad, note),))
    return found


def _found(root: Any, kinds: tuple[type, ...]) -> list[Any]:
    found: list[Any] = []
    tvm_ffi.structural_walk(root, ((kinds, found.append),), order="pre")
    return found


def _without_casts(expression: Expression) -> Expression:
    while isinstance(expression, tirx.Cast) and _is_integer(expression.value.ty.dtype):
        expression = expression.value
    return expression


def _is_integer(dtype: Any) -> bool:
    return str(dtype).startswith(("int", "uint"))


def _is_number(size: Expression) -> bool:
    return isinstance(size, int | tirx.IntImm)
