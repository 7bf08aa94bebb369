"""What a parameter may be."""

from __future__ import annotations

from dataclasses import dataclass

from vmprof.program.dimensions import Dimension


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
    """One parameter of a function.

    ``is_weight`` marks what a model learned, which is not its input. Symbols of its
    dimensions with ``by_name`` are known by what they are called alone: two of one name
    need not be the same.
    """

    name: str
    type: ParameterType
    is_weight: bool = False
    by_name: bool = False
