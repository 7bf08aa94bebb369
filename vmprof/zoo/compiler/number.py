"""Numbers that may be expressions over symbolic dimensions, as TVM has them."""

from __future__ import annotations

from typing import Any

from tvm import tirx

from vmprof.program.dimensions import Dimension
from vmprof.zoo.tvm_names import Analyzer

# A number, or an expression over symbolic dimensions. TVM has no type stubs.
Number = Any


def number(size: Any) -> Number:
    """A size of TVM's: as a number where it is one."""
    return int(size) if isinstance(size, tirx.IntImm) else size


def most(*numbers: Number) -> Number:
    """The largest; of symbolic ones, where that is not known, the first."""
    return max(numbers) if all(isinstance(n, int) for n in numbers) else numbers[0]


def least(first: Number, second: Number) -> Number:
    """The smaller of two; an expression for it, where that is not known."""
    if isinstance(first, int) and isinstance(second, int):
        return min(first, second)
    return Analyzer().simplify(tirx.min(first, second))


def dimension(size: Number) -> Dimension:
    """A number as it is written down."""
    if isinstance(size, tirx.IntImm):
        return int(size)
    return size if isinstance(size, int) else str(size)
