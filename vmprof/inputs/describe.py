"""Parameters' types in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tvm_ffi

from vmprof.program.dimensions import Dimension, symbols_of
from vmprof.program.types import (
    Parameter,
    ParameterType,
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
)

_SHOWN = 8  # parameters named in an error


def describe(kind: ParameterType) -> str:
    """A parameter's type as a reader of the table knows it: ``float32[n, 784]``."""
    match kind:
        case TensorType(dtype, dimensions):
            name = "tensor" if dtype is None else dtype_name(dtype)
            if dimensions is None:
                return f"{name}[...]"
            return f"{name}[{listed(dimensions)}]"
        case ShapeType(dimensions):
            return "shape[...]" if dimensions is None else f"shape[{listed(dimensions)}]"
        case ScalarType(dtype):
            return f"{dtype_name(dtype)} number"
        case TupleType(fields):
            return f"({', '.join(map(describe, fields))})"
    return "a value that the function does not check"


def signature(parameters: Sequence[Parameter]) -> str:
    """What a function takes, in a line: all inputs, and how many weights."""
    inputs = [p for p in parameters if not p.is_weight]
    shown = [f"{p.name}: {describe(p.type)}" for p in inputs[:_SHOWN]]
    if len(inputs) > _SHOWN:
        shown.append(f"and {len(inputs) - _SHOWN} more")
    weights = len(parameters) - len(inputs)
    if weights:
        shown.append(f"and {weights} weights")
    return ", ".join(shown) or "nothing"


def listed(dimensions: Sequence[Dimension]) -> str:
    """``n, 784``."""
    return ", ".join("?" if d is None else str(d) for d in dimensions)


def dtype_name(dtype: tuple[int, int, int]) -> str:
    """``float32``."""
    return str(tvm_ffi.dtype.from_dlpack_data_type(dtype))


def symbols_in(kind: ParameterType) -> Iterator[str]:
    """The symbols of a type's dimensions, each as often as it occurs."""
    if isinstance(kind, TupleType):
        for field in kind.fields:
            yield from symbols_in(field)
    elif isinstance(kind, TensorType | ShapeType):
        for dimension in kind.dimensions or ():
            yield from symbols_of(dimension)
