"""Are two results of a model the same, bit for bit?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm_ffi
from tvm.runtime import Tensor


def first_difference(one: Any, other: Any, where: str = "output") -> str | None:
    """Where and how two results differ; None if they do not.

    Tensors are compared as bytes, so that NaN equals itself and 0 is not -0.
    Objects of which Python cannot see the inside are equal if they are of one type.
    """
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _in_tensors(one, other, where)
    if _is_sequence(one) and _is_sequence(other):
        if len(one) != len(other):
            return f"{where} has {len(one)} and {len(other)} fields"
        pairs = enumerate(zip(one, other, strict=True))
        parts = (first_difference(a, b, f"{where}[{i}]") for i, (a, b) in pairs)
        return next((found for found in parts if found is not None), None)
    if type(one) is not type(other):
        return f"{where} is a {type(one).__name__} and a {type(other).__name__}"
    if isinstance(one, tvm_ffi.Object) and not isinstance(one, str):
        return None
    # Numbers, strings and None; NaN is the only value that differs from itself.
    if one == other or (one != one and other != other):  # noqa: PLR0124
        return None
    return f"{where} is {one} and {other}"


def _in_tensors(one: Tensor, other: Tensor, where: str) -> str | None:
    kinds = [f"{each.dtype}[{', '.join(map(str, each.shape))}]" for each in (one, other)]
    if kinds[0] != kinds[1]:
        return f"{where} is {kinds[0]} and {kinds[1]}"
    first, second = (_bytes_of_elements(each) for each in (one, other))
    different = np.flatnonzero((first != second).any(axis=1))
    if not len(different):
        return None
    return (
        f"{where}, {kinds[0]}: {len(different):,} of {len(first):,} elements differ, "
        f"the first at {different[0]:,}"
    )


def _bytes_of_elements(tensor: Tensor) -> np.typing.NDArray[np.uint8]:
    """Shape (elements, bytes of one)."""
    array = np.ascontiguousarray(tensor.numpy())
    return array.reshape(-1).view(np.uint8).reshape(array.size, -1 if array.size else 1)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
