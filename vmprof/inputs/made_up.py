"""Values that are made up: for whole parameters, within what their kernels take."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from vmprof.errors import VmprofError
from vmprof.inputs.tensors import Array, numpy_dtype

# Integers that nothing is known to be wrong with stay below this.
_FREE = 8
_RANGE = re.compile(r"(-?[\d.]+(?:e[+-]?\d+)?)\.\.(-?[\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)
_WITHOUT_SIGN = ("float8_e8m0fnu",)  # powers of two
_KEPT_NEAR_ONE = re.compile(r"norm|var|gamma|scale", re.IGNORECASE)

WAYS = "zeros, ones, random, a number, or LEAST..MOST"


@dataclass(frozen=True)
class Way:
    """How to make up a value: ``random``, or evenly from ``least`` to ``most``."""

    least: float | None = None
    most: float | None = None


RANDOM = Way()


def way_of(text: str) -> Way | None:
    """``zeros``, ``ones``, ``random``, ``0.5``, ``0..99``; None for anything else."""
    match text:
        case "zeros":
            return Way(0, 0)
        case "ones":
            return Way(1, 1)
        case "random":
            return RANDOM
    found = _RANGE.fullmatch(text)
    try:
        least, most = map(_number, found.groups() if found else (text, text))
    except ValueError:
        return None
    if not (math.isfinite(least) and math.isfinite(most)):
        return None
    if least > most:
        raise VmprofError(f"{text} has no values: {least:g} is more than {most:g}")
    return Way(least, most)


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


@dataclass(frozen=True)
class MadeUp:
    """``values`` of a tensor, with its lanes last, and what they are in words."""

    values: Array
    words: str


def make_up(
    name: str,
    dtype: str,
    shape: tuple[int, ...],
    generator: np.random.Generator,
    *,
    way: Way = RANDOM,
    below: int | None = None,
    weight: bool = False,
) -> MadeUp:
    """Values for the parameter ``name``, of :func:`numpy_dtype`.

    Random integers are those below ``below``, or 0 to 7; other random numbers are drawn
    from the standard normal distribution, or, for a weight, such that a layer neither
    amplifies nor fades.
    """
    kind = numpy_dtype(dtype)
    try:
        if way is not RANDOM:
            return _even(name, way, kind, shape, generator)
        if kind.kind == "b":
            return MadeUp(generator.integers(0, 2, shape).astype(kind), "random")
        if _is_integer(kind):
            return _integers(kind, shape, generator, below)
        if weight:
            return _weight(name, kind, shape, generator)
        values = generator.standard_normal(shape)
        if kind.name in _WITHOUT_SIGN:
            return MadeUp(np.abs(values).astype(kind), "normal, without sign")
        return MadeUp(values.astype(kind), "normal")
    except (MemoryError, ValueError) as error:  # ValueError: beyond what numpy can address
        raise VmprofError(
            f"parameter {name!r} of shape {list(shape)} does not fit into memory"
        ) from error


def _even(
    name: str, way: Way, kind: np.dtype[Any], shape: tuple[int, ...], generator: np.random.Generator
) -> MadeUp:
    assert way.least is not None
    assert way.most is not None
    if kind.kind == "b" or _is_integer(kind):
        least, most = math.ceil(way.least), math.floor(way.most)
        smallest, largest = _bounds(kind)
        if not smallest <= least <= most <= largest:
            raise VmprofError(f"{way.least:g}..{way.most:g} are no values for {name!r}, of {kind}")
        drawn = generator.integers(least, most, shape, endpoint=True, dtype=_wide(most))
        return MadeUp(drawn.astype(kind), _words(least, most))
    if way.least == way.most:
        return MadeUp(np.full(shape, way.least).astype(kind), _words(way.least, way.most))
    drawn = generator.uniform(way.least, way.most, shape)
    return MadeUp(drawn.astype(kind), _words(way.least, way.most))


def _words(least: float, most: float) -> str:
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def _wide(most: int) -> Any:
    return np.uint64 if most >= 1 << 63 else np.int64


def _integers(
    kind: np.dtype[Any], shape: tuple[int, ...], generator: np.random.Generator, below: int | None
) -> MadeUp:
    limit = _FREE if below is None else max(below, 1)
    limit = min(limit, _bounds(kind)[1] + 1)
    values = generator.integers(0, limit, shape).astype(kind)
    return MadeUp(values, _words(0, limit - 1))


def _weight(
    name: str, kind: np.dtype[Any], shape: tuple[int, ...], generator: np.random.Generator
) -> MadeUp:
    if len(shape) < 2:
        # A norm's factor or a variance, which divides; else a bias.
        near = 1.0 if _KEPT_NEAR_ONE.search(name) and "bias" not in name else 0.0
        return MadeUp(np.full(shape, near).astype(kind), f"{near:g}")
    fan_in = max(math.prod(shape[1:]), 1)
    values = generator.standard_normal(shape, np.float32) / np.float32(math.sqrt(fan_in))
    return MadeUp(values.astype(kind), "normal, over the square root of what adds up")


def _is_integer(kind: np.dtype[Any]) -> bool:
    return kind.kind in "iu" or kind.name.startswith(("int", "uint"))


def _bounds(kind: np.dtype[Any]) -> tuple[int, int]:
    """The smallest and the largest integer of a dtype."""
    if kind.kind == "b":
        return 0, 1
    if kind.name.startswith("u"):
        return 0, (1 << int(kind.name.removeprefix("uint"))) - 1
    half = 1 << (int(kind.name.removeprefix("int")) - 1)
    return -half, half - 1
