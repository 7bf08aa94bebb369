"""All arguments of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.inputs.describe import describe, dtype_name, signature, symbols_in
from vmprof.inputs.files import shape_of
from vmprof.inputs.made_up import RANDOM, WAYS, MadeUp, Way, make_up, way_of
from vmprof.inputs.tensors import to_tensor
from vmprof.inputs.values import Sizes, check, from_user, settle
from vmprof.program.dimensions import Dimension, evaluate, symbols_of, written_as
from vmprof.program.limits import FREE, Limit, Limits, Path
from vmprof.program.types import (
    Parameter,
    ParameterType,
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
)

Given = Any  # a sequence, a mapping, or the value of the only input
Weights = Mapping[str, Any]


@dataclass(frozen=True)
class Inputs:
    """``arguments`` as TVM objects; ``made_up`` says of those that nobody gave what they are."""

    arguments: list[Any]
    made_up: str | None


def make_inputs(
    parameters: Sequence[Parameter],
    given: Given = None,
    *,
    dimensions: Mapping[str, int] | None = None,
    seed: int = 0,
) -> list[Any]:
    """The arguments of :func:`resolve_inputs`, of a function that may take any integers."""
    return resolve_inputs(parameters, given, dimensions=dimensions, seed=seed).arguments


def resolve_inputs(
    parameters: Sequence[Parameter],
    given: Given = None,
    *,
    weights: Weights | None = None,
    dimensions: Mapping[str, int] | None = None,
    limits: Limits | None = None,
    seed: int = 0,
) -> Inputs:
    """The arguments for ``parameters``, as TVM objects.

    ``given`` holds values by name or in order (then all inputs; weights may be left out),
    or is the value of the only input. For a tensor that is an array of any framework, or
    a list of numbers, or a text that says how to make it up: :data:`WAYS`. The fields of a
    tuple ``t`` are ``t.0``, ``t.1``, ... ``weights`` are looked up by name too; of those
    that the function does not take nothing is said.

    The rest is drawn from ``seed``: floats from the standard normal distribution, weights
    such that layers keep the scale of what they are given, integers from 0 to 7 or below
    what ``limits`` says. ``dimensions`` gives symbolic dimensions; those that given values
    settle need not be named. The second symbol written ``n`` is ``n#2``, and is ``n`` where
    it is not named itself.

    Raises :class:`VmprofError` for a wrong number, name, shape or dtype, with
    what was expected.
    """
    values = {**_of_weights(parameters, weights or {}), **_by_name(parameters, given)}
    sizes = _named_sizes(parameters, dimensions or {})
    ways: dict[str, Way] = {}
    converted: dict[str, Any] = {}
    for parameter in parameters:
        for name, kind in _named(parameter.name, parameter.type):
            if name in values:
                way = _way(name, kind, values[name])
                if way is None:
                    converted[name] = from_user(name, kind, _from_text(kind, values[name]))
                    settle(kind, converted[name], sizes)
                else:
                    ways[name] = way
    maker = _Maker(sizes, limits or {}, ways, converted, np.random.default_rng(seed))
    arguments = [maker.argument(number, each) for number, each in enumerate(parameters)]
    return Inputs(arguments, "; ".join(maker.notes()) or None)


@dataclass
class _Maker:
    sizes: dict[str, int]
    limits: Limits
    ways: Mapping[str, Way]
    converted: Mapping[str, Any]
    generator: np.random.Generator
    inputs: list[str] = field(default_factory=list)  # what was made up, in words
    weights: dict[str, int] = field(default_factory=dict)  # how many, by the same

    def argument(self, number: int, parameter: Parameter) -> Any:
        value = self._value(parameter, parameter.name, parameter.type, (number,))
        check(parameter.name, parameter.type, value, Sizes(self.sizes, not parameter.by_name))
        return value

    def notes(self) -> Iterator[str]:
        yield from self.inputs[:_TOLD]
        if len(self.inputs) > _TOLD:
            yield f"and {len(self.inputs) - _TOLD} more"
        for words, number in self.weights.items():
            yield f"{number} weight{'s' if number > 1 else ''}: {words}"

    def _value(self, parameter: Parameter, name: str, kind: ParameterType, path: Path) -> Any:
        if name in self.converted:
            return self.converted[name]
        match kind:
            case TensorType(dtype, dimensions) if dtype is not None and dimensions is not None:
                lanes = (dtype[2],) if dtype[2] > 1 else ()
                shape = (*self._shape(name, kind, dimensions), *lanes)
                made = self._made_up(parameter, name, dtype_name(dtype), shape, path)
                return to_tensor(made.values, dtype_name(dtype))
            case ShapeType(dimensions) if dimensions is not None:
                return tvm.runtime.ShapeTuple(self._shape(name, kind, dimensions))
            case ScalarType(dtype):
                made = self._made_up(parameter, name, dtype_name(dtype), (), path)
                return made.values.astype(object if dtype[0] in _WHOLE else float).item()
            case TupleType(fields):
                return tuple(
                    self._value(parameter, f"{name}.{i}", each, (*path, i))
                    for i, each in enumerate(fields)
                )
        raise _cannot_be_made_up(name, kind)

    def _made_up(
        self, parameter: Parameter, name: str, dtype: str, shape: tuple[int, ...], path: Path
    ) -> MadeUp:
        limit = self.limits.get(path, FREE)
        way = self.ways.get(name, RANDOM)
        made = make_up(
            name,
            dtype,
            shape,
            self.generator,
            way=way,
            below=self._below(limit),
            weight=parameter.is_weight,
        )
        words = made.words
        if way is RANDOM and limit.zero_alone:
            words += " (what its kernels index with it is not known)"
        elif way is RANDOM and limit.below:
            words += " (places in what it indexes)"
        if parameter.is_weight:
            self.weights[words] = self.weights.get(words, 0) + 1
        else:
            self.inputs.append(f"{name}: {words}")
        return made

    def _below(self, limit: Limit) -> int | None:
        if limit.zero_alone:
            return 1
        sizes = [evaluate(each, self.sizes) for each in limit.below]
        return min((1 if size is None else size for size in sizes), default=None)

    def _shape(
        self, name: str, kind: ParameterType, dimensions: Sequence[Dimension]
    ) -> tuple[int, ...]:
        missing = [s for d in dimensions for s in symbols_of(d) if s not in self.sizes]
        if missing:
            problem = f"parameter {name!r} is {describe(kind)}: say how large {missing[0]} is with "
            raise VmprofError(
                f"{problem}dimensions={{{missing[0]!r}: N}}",
                command_line=f"{problem}--dim {missing[0]}=N",
            )
        numbers = [evaluate(dimension, self.sizes) for dimension in dimensions]
        if any(number is None or number < 0 for number in numbers):
            raise _cannot_be_sized(name, kind)
        return tuple(number for number in numbers if number is not None)


_TOLD = 8  # made-up inputs, in the report
_WHOLE = (0, 1, 6)  # DLPack's type codes of integers and bool


def _named(name: str, kind: ParameterType) -> Iterator[tuple[str, ParameterType]]:
    """A parameter, and the fields of tuples in it, by the names that they are given by."""
    yield name, kind
    if isinstance(kind, TupleType):
        for i, each in enumerate(kind.fields):
            yield from _named(f"{name}.{i}", each)


def _way(name: str, kind: ParameterType, value: Any) -> Way | None:
    """How a value is to be made up, if that is what was given."""
    if not isinstance(value, str) or not isinstance(kind, TensorType | ScalarType):
        return None
    way = way_of(value)
    if way is None:
        raise VmprofError(f"input {name!r} is {value!r}; expected {describe(kind)}, or {WAYS}")
    return way


def _from_text(kind: ParameterType, value: Any) -> Any:
    if isinstance(kind, ShapeType) and isinstance(value, str):
        return shape_of(value) or value
    return value


def _named_sizes(parameters: Sequence[Parameter], dimensions: Mapping[str, int]) -> dict[str, int]:
    """Sizes by symbol: a name stands for all symbols written so that are not named themselves."""
    known = list(dict.fromkeys(s for p in parameters for s in symbols_in(p.type)))
    for name in dimensions:
        if name not in known:
            raise VmprofError(
                f"there is no symbolic dimension {name!r}; "
                + (f"there are: {', '.join(known)}" if known else "all are fixed")
            )
    return {
        symbol: int(dimensions[name])
        for symbol in known
        for name in (symbol if symbol in dimensions else written_as(symbol),)
        if name in dimensions
    }


def _by_name(parameters: Sequence[Parameter], given: Given) -> dict[str, Any]:
    expected = signature(parameters)
    if given is None:
        return {}
    if isinstance(given, Mapping):
        names = {
            name for parameter in parameters for name, _ in _named(parameter.name, parameter.type)
        }
        unknown = [name for name in given if name not in names]
        if unknown:
            raise VmprofError(f"there is no parameter {unknown[0]!r}; expected {expected}")
        return dict(given)
    inputs = [parameter for parameter in parameters if not parameter.is_weight]
    several = isinstance(given, Sequence | tvm_ffi.Array) and not isinstance(given, str)
    if not several or (len(inputs) == 1 and _is_one_value(inputs[0].type, given)):
        given = [given]
    if len(given) not in (len(parameters), len(inputs)):
        raise VmprofError(f"{len(given)} inputs were given; expected {expected}")
    return {parameter.name: value for parameter, value in zip(parameters, given, strict=False)}


def _is_one_value(kind: ParameterType, given: Sequence[Any]) -> bool:
    """Whether a sequence is the value of a parameter, rather than the list of all inputs."""
    if isinstance(kind, TupleType):
        return len(given) == len(kind.fields) != 1
    return len(given) > 1 and all(isinstance(each, int | float | list) for each in given)


def _of_weights(parameters: Sequence[Parameter], weights: Weights) -> dict[str, Any]:
    """Values for those parameters that ``weights`` has, in whatever spelling."""
    by_name = {_spelled(name): value for name, value in weights.items()}
    found = {
        name: by_name[spelled]
        for parameter in parameters
        for name, _ in _named(parameter.name, parameter.type)
        for spelled in _spellings(name)
        if spelled in by_name
    }
    if weights and not found:
        raise VmprofError(
            f"none of the weights ({', '.join(list(weights)[:3])}, ...) is a parameter; "
            f"expected {', '.join(p.name for p in parameters if p.is_weight) or 'no weights'}"
        )
    return found


def _spelled(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _spellings(name: str) -> tuple[str, ...]:
    """TVM makes ``fc_weight`` or, of PyTorch's programs, ``p_fc_weight`` of ``fc.weight``."""
    spelled = _spelled(name)
    return (re.sub(r"^[pb]_", "", spelled), spelled)


def _cannot_be_made_up(name: str, kind: ParameterType) -> VmprofError:
    if isinstance(kind, TensorType | ScalarType | ShapeType):
        problem = f"parameter {name!r} ({describe(kind)}) says too little to make up a value; "
        return VmprofError(
            f"{problem}give one: inputs={{{name!r}: ...}}",
            command_line=f"{problem}give one with --input {name}=FILE.npy",
        )
    problem = (
        f"parameter {name!r} ({describe(kind)}) says too little to make up a value; if it is a "
        "weight, compile with vmprof.compile or vmprof.KernelInfo, which keep its shape; if it is "
        "a cache or a closure, make one with another function of the model and "
    )
    return VmprofError(
        f"{problem}give it: inputs={{{name!r}: ...}}",
        command_line=f"{problem}give it from Python: vmprof.profile(model, {{{name!r}: ...}})",
    )


def _cannot_be_sized(name: str, kind: ParameterType) -> VmprofError:
    problem = f"parameter {name!r} is {describe(kind)}, of which vmprof cannot work out the size; "
    return VmprofError(
        f"{problem}give a value: inputs={{{name!r}: ...}}",
        command_line=f"{problem}give it with --input {name}=FILE.npy, or from Python",
    )
