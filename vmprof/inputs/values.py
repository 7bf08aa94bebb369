"""What a user gives for a parameter -> a value that TVM takes, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.inputs.describe import describe, dtype_name, listed, symbols_in
from vmprof.inputs.tensors import Array, from_others, numpy_dtype, to_tensor
from vmprof.program.dimensions import evaluate, symbols_of
from vmprof.program.types import ParameterType, ScalarType, ShapeType, TensorType, TupleType

_TEXT_AND_DATES = "SUMmO"


@dataclass(frozen=True)
class Sizes:
    """The sizes of symbolic dimensions; ``exact`` if a symbol has one size everywhere."""

    by_symbol: Mapping[str, int]
    exact: bool = True


def from_user(name: str, kind: ParameterType, value: Any) -> Any:
    """``value``, given for the parameter ``name``, as TVM takes it; not checked yet."""
    match kind:
        case TensorType(dtype):
            return _tensor(name, kind, None if dtype is None else dtype_name(dtype), value)
        case ScalarType(dtype):
            return _number(name, dtype_name(dtype), value)
        case ShapeType():
            return _shape(name, kind, value)
        case TupleType(fields):
            if not isinstance(value, Sequence | tvm_ffi.Array) or isinstance(value, str):
                raise _unfit(name, kind, f"a {type(value).__name__}")
            if len(value) != len(fields):
                raise _unfit(name, kind, f"of {len(value)} values")
            return tuple(
                from_user(f"{name}.{i}", field, each)
                for i, (field, each) in enumerate(zip(fields, value, strict=True))
            )
    other = from_others(value)
    if other is not None:
        return other
    if isinstance(value, np.ndarray):
        return to_tensor(value, str(value.dtype))
    return value


def settle(kind: ParameterType, value: Any, sizes: dict[str, int]) -> None:
    """Learn from a value what symbolic dimensions are that nobody has named."""
    match kind:
        case TupleType(fields):
            for field, each in zip(fields, value, strict=False):
                settle(field, each, sizes)
        case TensorType(dimensions=dimensions) | ShapeType(dimensions) if dimensions is not None:
            shape = value.shape if isinstance(kind, TensorType) else value
            for dimension, size in zip(dimensions, shape, strict=False):
                if isinstance(dimension, str) and symbols_of(dimension) == [dimension]:
                    sizes.setdefault(dimension, int(size))


def check(name: str, kind: ParameterType, value: Any, sizes: Sizes) -> None:
    """Refuse what the function would refuse."""
    match kind:
        case TensorType(dtype):
            fits = dtype is None or str(value.dtype) == dtype_name(dtype)
            if not (fits and _fits(kind, tuple(value.shape), sizes)):
                raise _unfit(name, kind, f"{value.dtype}[{listed(value.shape)}]", sizes)
        case ShapeType() if not _fits(kind, tuple(value), sizes):
            raise _unfit(name, kind, f"shape[{listed(value)}]", sizes)
        case TupleType(fields):
            for i, (field, each) in enumerate(zip(fields, value, strict=True)):
                check(f"{name}.{i}", field, each, sizes)


def _fits(kind: TensorType | ShapeType, shape: tuple[int, ...], sizes: Sizes) -> bool:
    if kind.dimensions is None:
        return True
    if len(shape) != len(kind.dimensions):
        return False
    for dimension, size in zip(kind.dimensions, shape, strict=True):
        if isinstance(dimension, int) or sizes.exact:
            expected = evaluate(dimension, sizes.by_symbol)
            if expected is not None and expected != size:
                return False
    return True


def _tensor(name: str, kind: ParameterType, dtype: str | None, value: Any) -> Any:
    if isinstance(value, tvm_ffi.Tensor):
        return value
    try:
        other = from_others(value)
    except Exception as error:  # whatever the framework and tvm_ffi raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        what = f"a {type(value).__name__} that TVM cannot take ({reason})"
        raise _unfit(name, kind, what) from error
    if other is not None:
        return other
    if isinstance(value, np.ndarray | np.generic):
        return _from_numpy(name, kind, dtype, np.asarray(value))
    if isinstance(value, bool | int | float | list | tuple):
        return _from_python(name, kind, dtype, value)
    raise _unfit(name, kind, f"a {type(value).__name__}")


def _from_python(name: str, kind: ParameterType, dtype: str | None, value: Any) -> Any:
    """Of numbers, which have no dtype of their own."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise _unfit(name, kind, f"a {type(value).__name__} that is no array of numbers")
    dtype = dtype or str(array.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(numpy_dtype(dtype))
    if dtype.startswith(("int", "uint")) and (converted.astype(array.dtype) != array).any():
        raise _unfit(name, kind, f"a {type(value).__name__} of numbers that are no {dtype}")
    return to_tensor(converted, dtype)


def _from_numpy(name: str, kind: ParameterType, dtype: str | None, array: Array) -> Any:
    if array.dtype.kind in _TEXT_AND_DATES or array.dtype.fields is not None:
        raise _unfit(name, kind, f"{array.dtype}[{listed(array.shape)}], which is no tensor")
    if array.dtype.kind == "V" and array.dtype.name.startswith("void"):
        # numpy's files do not keep the names of bfloat16, float8, int4, ...
        wanted = None if dtype is None else numpy_dtype(dtype)
        if wanted is None or wanted.itemsize != array.dtype.itemsize:
            what = f"{array.dtype.itemsize} bytes for each of [{listed(array.shape)}]"
            raise _unfit(name, kind, what)
        array = array.view(wanted)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    try:
        return to_tensor(array, array.dtype.name)
    except ValueError as error:  # complex numbers, and whatever else TVM has not
        raise _unfit(
            name, kind, f"{array.dtype}[{listed(array.shape)}], a dtype that TVM has not"
        ) from error


def _number(name: str, dtype: str, value: Any) -> Any:
    if not isinstance(value, bool | int | float | complex | str):
        other = from_others(value)
        array = np.asarray(value if other is None else other.numpy())
        value = array.item() if array.size == 1 and array.dtype.kind in "biuf" else value
    if isinstance(value, bool | int | float):
        if dtype.startswith(("int", "uint")) and float(value).is_integer():
            return int(value)
        if dtype == "bool" and value in (0, 1):
            return bool(value)
        if dtype.startswith(("float", "bfloat")):
            return float(value)
    what = repr(value) if isinstance(value, bool | int | float) else f"a {type(value).__name__}"
    raise VmprofError(f"input {name!r} is {what}; expected a {dtype} number")


def _shape(name: str, kind: ParameterType, value: Any) -> Any:
    if isinstance(value, tvm_ffi.Shape):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu":
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        sizes = [int(each) for each in value if isinstance(each, int | np.integer)]
        if len(sizes) == len(value):
            return tvm.runtime.ShapeTuple(sizes)
    raise _unfit(name, kind, f"a {type(value).__name__}")


def _unfit(name: str, kind: ParameterType, what: str, sizes: Sizes | None = None) -> VmprofError:
    known = sizes.by_symbol if sizes else {}
    symbols = dict.fromkeys(symbols_in(kind))
    where = ", ".join(f"{symbol}={known[symbol]}" for symbol in symbols if symbol in known)
    return VmprofError(
        f"input {name!r} is {what}; expected {describe(kind)}" + (f" with {where}" if where else "")
    )
