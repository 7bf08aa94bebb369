"""What a function takes, read off the checks that it begins with.

A function that TVM compiled tests its arguments before it does anything else
(``vm.builtin.check_tensor_info``, ``match_shape``, ...). Their operands tell
ranks, dtypes and sizes; the error context that they carry repeats the
parameter's annotation as TVMScript, which has the names of symbolic dimensions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    DataTypeConstant,
    Function,
    Immediate,
    Operand,
    Register,
)
from vmprof.program.dimensions import Dimension, dimension_of


@dataclass(frozen=True)
class TensorType:
    """``dtype`` is (type code, bits, lanes); each part is None where any will do."""

    dtype: tuple[int, int, int] | None
    dimensions: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class ShapeType:
    """A shape tuple; ``dimensions`` is None where any length will do."""

    dimensions: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class ScalarType:
    """A plain number."""

    dtype: tuple[int, int, int]


@dataclass(frozen=True)
class TupleType:
    """A tuple with a type for each field."""

    fields: tuple[ParameterType, ...]


@dataclass(frozen=True)
class UnknownType:
    """The function does not check this parameter, or in a way that says nothing of its value."""


ParameterType = TensorType | ShapeType | ScalarType | TupleType | UnknownType


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function."""

    name: str
    type: ParameterType


def parameters_of(bytecode: Bytecode, function: Function) -> tuple[Parameter, ...]:
    """The parameters of ``function``, in order."""
    checks = _Checks(bytecode, function)
    names = function.parameter_names or tuple(f"p{i}" for i in range(function.num_args))
    return tuple(Parameter(name, checks.type_at((i,))) for i, name in enumerate(names))


# Where a checked value comes from: parameter number, then fields of tuples.
_Path = tuple[int, ...]

# MatchShapeCode of tvm/runtime/vm/builtin.h.
_EQUAL_TO_IMMEDIATE, _STORE_TO_HEAP, _NO_CHECK, _EQUAL_TO_HEAP = 0, 1, 2, 3


# The end of what TVM puts into an error context, as in
# ErrorContext(fn=main, loc=param[0], param=x, annotation=R.Tensor((n, 16), dtype="float32")).
_ANNOTATION = re.compile(r"annotation=(.*)\)\s*$", re.DOTALL)


class _Checks:
    """Collects what the straight-line beginning of a function says of its parameters."""

    def __init__(self, bytecode: Bytecode, function: Function) -> None:
        self._constants = bytecode.constants
        self._paths: dict[int, _Path] = {i: (i,) for i in range(function.num_args)}
        self._tensors: dict[_Path, tuple[tuple[int, int, int] | None, int]] = {}
        self._shapes: dict[_Path, int] = {}
        self._scalars: dict[_Path, tuple[int, int, int]] = {}
        self._tuples: dict[_Path, int] = {}
        self._dimensions: dict[_Path, list[Dimension]] = {}
        for _, instruction in bytecode.body(function):
            if not isinstance(instruction, Call):
                break
            self._read(instruction)

    def type_at(self, path: _Path) -> ParameterType:
        if path in self._tuples:
            return TupleType(tuple(self.type_at((*path, i)) for i in range(self._tuples[path])))
        if path in self._scalars:
            return ScalarType(self._scalars[path])
        if path in self._shapes:
            return ShapeType(self._dimensions_at(path, self._shapes[path]))
        if path in self._tensors:
            dtype, rank = self._tensors[path]
            return TensorType(dtype, self._dimensions_at(path, rank))
        return UnknownType()

    def _dimensions_at(self, path: _Path, rank: int) -> tuple[Dimension, ...] | None:
        if path in self._dimensions:
            return tuple(self._dimensions[path])
        return None if rank < 0 else (None,) * rank

    def _read(self, call: Call) -> None:
        path = None
        if call.operands and isinstance(call.operands[0], Register):
            path = self._paths.get(call.operands[0].index)
        if path is not None:
            match call.callee.name.removeprefix("vm.builtin."), call.operands:
                case "check_tensor_info", [_, Immediate(rank), dtype, _]:
                    self._tensors[path] = (self._dtype(dtype), rank)
                case "check_tensor_info", [_, Immediate(rank), _]:
                    self._tensors[path] = (None, rank)
                case "check_shape_info", [_, Immediate(rank), _]:
                    self._shapes[path] = rank
                case "check_prim_value_info", [_, dtype, _]:
                    known = self._dtype(dtype)
                    if known is not None:
                        self._scalars[path] = known
                case "check_tuple_info", [_, Immediate(size), _]:
                    self._tuples[path] = size
                case "tuple_getitem", [_, Immediate(index)]:
                    self._paths[call.destination.index] = (*path, index)
                    return
                case "match_shape", [_, _, Immediate(rank), *rest] if len(rest) == 2 * rank + 1:
                    self._match_shape(path, rest[:-1], self._annotation(rest[-1]))
        # Whatever else writes to a register ends what was known of it.
        self._paths.pop(call.destination.index, None)

    def _match_shape(
        self, path: _Path, codes: Sequence[Operand], annotation: ast.expr | None
    ) -> None:
        written = _annotated_dimensions(annotation, path[1:])
        dimensions = self._dimensions.setdefault(path, [None] * (len(codes) // 2))
        for axis in range(len(codes) // 2):
            match codes[2 * axis], codes[2 * axis + 1]:
                case Immediate(code), Immediate(value):
                    if code == _EQUAL_TO_IMMEDIATE:
                        dimensions[axis] = value
                    elif axis < len(written):
                        dimensions[axis] = written[axis]
                    elif code != _NO_CHECK:
                        dimensions[axis] = f"d{value}"

    def _dtype(self, operand: Operand) -> tuple[int, int, int] | None:
        match operand:
            case ConstantReference(index):
                constant = self._constants[index]
                return constant.dtype if isinstance(constant, DataTypeConstant) else None
        return None

    def _annotation(self, context: Operand) -> ast.expr | None:
        match context:
            case ConstantReference(index):
                text = self._constants[index]
                found = isinstance(text, str) and _ANNOTATION.search(text)
                try:
                    return ast.parse(found[1], mode="eval").body if found else None
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return None  # then dimensions go by their place in the heap
        return None


def _annotated_dimensions(annotation: ast.expr | None, fields: _Path) -> list[Dimension]:
    """The dimensions in ``R.Tensor((n, 784), ...)`` or ``R.Shape([n])``; [] where none are."""
    match annotation:
        case ast.Call(func=ast.Attribute(attr="Tuple"), args=args) if fields:
            inner = args[fields[0]] if fields[0] < len(args) else None
            return _annotated_dimensions(inner, fields[1:])
        case ast.Call(func=ast.Attribute(attr="Tensor" | "Shape"), args=[shape, *_]):
            if isinstance(shape, ast.Tuple | ast.List):
                return [dimension_of(element) for element in shape.elts]
    return []
