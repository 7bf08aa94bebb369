"""The arguments of a run: what the user gave, checked, and what is made up for the rest."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 and the float8 types with numpy
import numpy as np
import numpy.typing as npt
import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.program import Parameter
from vmprof.program.dimensions import Dimension, evaluate, symbols_of
from vmprof.program.parameters import (
    ParameterType,
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
)

Given = Sequence[Any] | Mapping[str, Any]

# Integers are drawn below this: small enough for any table that they may index.
_INTEGER_LIMIT = 8


def load_arrays(specifications: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Arrays by parameter name, from ``NAME=FILE.npy`` and ``FILE.npz``."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for specification in specifications:
        for name, array in _load(specification).items():
            if name in arrays:
                raise VmprofError(f"--input gives {name!r} twice")
            arrays[name] = array
    return arrays


def _load(specification: str) -> dict[str, npt.NDArray[Any]]:
    name, separator, file = specification.rpartition("=")
    if not separator and not file.endswith(".npz"):
        raise VmprofError(f"--input {specification}: write NAME=FILE.npy, or FILE.npz")
    if not Path(file).is_file():
        raise VmprofError(f"--input {specification}: there is no file {file}")
    try:
        with Path(file).open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            arrays = {name: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise VmprofError(f"--input {specification}: {file} cannot be read: {error}") from error
    if not isinstance(loaded, np.ndarray) and separator:
        raise VmprofError(f"--input {specification}: {file} names its arrays itself; give it alone")
    return arrays


def make_inputs(
    parameters: Sequence[Parameter],
    given: Given | None = None,
    *,
    dimensions: Mapping[str, int] | None = None,
    seed: int = 0,
) -> list[Any]:
    """The arguments for ``parameters``, as TVM objects.

    ``given`` holds arrays, tensors or other TVM values, by name or in order
    (then all of them). What it leaves out is drawn from ``seed``: floats from
    the standard normal distribution, integers from 0 to 7. ``dimensions`` gives
    symbolic dimensions; those that the given arrays settle need not be named.

    Raises :class:`VmprofError` for a wrong number, name, shape or dtype, with
    what was expected.
    """
    values = _by_name(parameters, given)
    sizes = dict(dimensions or {})
    known = [s for p in parameters for s in _symbols(p.type)]
    for name in sizes:
        if name not in known:
            raise VmprofError(
                f"there is no symbolic dimension {name!r}; "
                + (f"there are: {', '.join(dict.fromkeys(known))}" if known else "all are fixed")
            )
    for parameter in parameters:
        if parameter.name in values:
            _settle(parameter, values[parameter.name], sizes)
    generator = np.random.default_rng(seed)
    return [
        _checked(parameter, values[parameter.name], sizes)
        if parameter.name in values
        else _generated(parameter.name, parameter.type, sizes, generator)
        for parameter in parameters
    ]


def describe(kind: ParameterType) -> str:
    """A parameter's type as a reader of the table knows it: ``float32[n, 784]``."""
    match kind:
        case TensorType(dtype, dimensions):
            name = "tensor" if dtype is None else str(_dtype(dtype))
            if dimensions is None:
                return f"{name}[...]"
            return f"{name}[{_listed(dimensions)}]"
        case ShapeType(dimensions):
            return "shape[...]" if dimensions is None else f"shape[{_listed(dimensions)}]"
        case ScalarType(dtype):
            return f"{_dtype(dtype)} number"
        case TupleType(fields):
            return f"({', '.join(map(describe, fields))})"
    return "a value that the function does not check"


def _listed(dimensions: Sequence[Dimension]) -> str:
    return ", ".join("?" if d is None else str(d) for d in dimensions)


def _dtype(dtype: tuple[int, int, int]) -> tvm_ffi.dtype:
    return tvm_ffi.dtype.from_dlpack_data_type(dtype)


def _symbols(kind: ParameterType) -> Iterator[str]:
    if isinstance(kind, TupleType):
        for field in kind.fields:
            yield from _symbols(field)
    elif isinstance(kind, TensorType | ShapeType):
        for dimension in kind.dimensions or ():
            yield from symbols_of(dimension)


def _by_name(parameters: Sequence[Parameter], given: Given | None) -> dict[str, Any]:
    expected = ", ".join(f"{p.name}: {describe(p.type)}" for p in parameters) or "nothing"
    if given is None:
        return {}
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in {p.name for p in parameters}]
        if unknown:
            raise VmprofError(f"there is no parameter {unknown[0]!r}; expected {expected}")
        return dict(given)
    if len(given) != len(parameters):
        raise VmprofError(f"{len(given)} inputs were given; expected {expected}")
    return {p.name: value for p, value in zip(parameters, given, strict=True)}


def _settle(parameter: Parameter, value: Any, sizes: dict[str, int]) -> None:
    """Learn from a given array what its symbolic dimensions are."""
    if not isinstance(parameter.type, TensorType) or parameter.type.dimensions is None:
        return
    shape = getattr(value, "shape", ())
    for dimension, size in zip(parameter.type.dimensions, shape, strict=False):
        if isinstance(dimension, str) and symbols_of(dimension) == [dimension]:
            sizes.setdefault(dimension, int(size))


def _checked(parameter: Parameter, value: Any, sizes: Mapping[str, int]) -> Any:
    """A given value as TVM takes it; arrays that the function would refuse are refused here."""
    if not isinstance(parameter.type, TensorType):
        return value
    if isinstance(value, np.ndarray):
        value = tvm.runtime.tensor(value)
    if not isinstance(value, tvm.runtime.Tensor):
        raise VmprofError(
            f"input {parameter.name!r} is a {type(value).__name__}; "
            f"expected {describe(parameter.type)}"
        )
    shape = tuple(int(size) for size in value.shape)
    dtype, dimensions = parameter.type.dtype, parameter.type.dimensions
    fits = dtype is None or str(value.dtype) == str(_dtype(dtype))
    if dimensions is not None:
        expected = [evaluate(dimension, sizes) for dimension in dimensions]
        fits = fits and len(shape) == len(expected)
        fits = fits and all(e is None or s == e for s, e in zip(shape, expected, strict=False))
    if not fits:
        where = ", ".join(f"{k}={v}" for k, v in sizes.items() if k in _symbols(parameter.type))
        raise VmprofError(
            f"input {parameter.name!r} is {value.dtype}[{_listed(shape)}]; "
            f"expected {describe(parameter.type)}" + (f" with {where}" if where else "")
        )
    return value


def _generated(
    name: str, kind: ParameterType, sizes: Mapping[str, int], generator: np.random.Generator
) -> Any:
    match kind:
        case TensorType(dtype, dimensions) if dtype is not None and dimensions is not None:
            shape = _sizes(name, kind, dimensions, sizes)
            return tvm.runtime.tensor(_random(name, str(_dtype(dtype)), shape, generator))
        case ShapeType(dimensions) if dimensions is not None:
            return tvm.runtime.ShapeTuple(_sizes(name, kind, dimensions, sizes))
        case ScalarType(dtype):
            return _random(name, str(_dtype(dtype)), (), generator).item()
        case TupleType(fields):
            return tuple(
                _generated(f"{name}[{i}]", field, sizes, generator)
                for i, field in enumerate(fields)
            )
    raise VmprofError(
        f"parameter {name!r} ({describe(kind)}) says too little to make up a value; "
        f"give one with --input {name}=FILE.npy, or from Python"
    )


def _sizes(
    name: str, kind: ParameterType, dimensions: Sequence[Dimension], sizes: Mapping[str, int]
) -> tuple[int, ...]:
    missing = [s for d in dimensions for s in symbols_of(d) if s not in sizes]
    if missing:
        raise VmprofError(
            f"parameter {name!r} is {describe(kind)}: "
            f"say how large {missing[0]} is with --dim {missing[0]}=N"
        )
    numbers = [evaluate(dimension, sizes) for dimension in dimensions]
    if any(number is None or number < 0 for number in numbers):
        raise VmprofError(
            f"parameter {name!r} is {describe(kind)}, of which vmprof cannot work out the size; "
            f"give it with --input {name}=FILE.npy, or from Python"
        )
    return tuple(number for number in numbers if number is not None)


def _random(
    name: str, dtype: str, shape: tuple[int, ...], generator: np.random.Generator
) -> npt.NDArray[Any]:
    try:
        numpy_dtype = np.dtype(dtype)
    except TypeError as error:
        raise VmprofError(
            f"parameter {name!r} is of dtype {dtype}, which numpy does not have; "
            "give a value from Python"
        ) from error
    try:
        if dtype == "bool":
            return generator.integers(0, 2, shape).astype(numpy_dtype)
        if numpy_dtype.kind in "iu":
            return generator.integers(0, _INTEGER_LIMIT, shape).astype(numpy_dtype)
        return generator.standard_normal(shape).astype(numpy_dtype)
    except (MemoryError, ValueError) as error:  # ValueError: beyond what numpy can address
        raise VmprofError(
            f"parameter {name!r} of shape {list(shape)} does not fit into memory"
        ) from error
