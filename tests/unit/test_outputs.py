"""Results of a model, bit for bit."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tvm
import tvm_ffi
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vmprof.drivers.outputs import first_difference

NAN = float("nan")


def tensor(values: Any, dtype: Any = "float32") -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.array(values, dtype))


@given(
    arrays.arrays(
        st.sampled_from(["float32", "int8", "float64", "bool"]), arrays.array_shapes(min_dims=0)
    )
)
def test_a_copy_is_the_same(array: np.typing.NDArray[Any]) -> None:
    assert first_difference(tvm.runtime.tensor(array), tvm.runtime.tensor(array.copy())) is None


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (
            tensor([1, 2, 3]),
            tensor([1, 0, 0]),
            "output, float32[3]: 2 of 3 elements differ, the first at 1",
        ),
        (tensor([NAN, 1]), tensor([NAN, 1]), None),
        (
            tensor([0.0]),
            tensor([-0.0]),
            "output, float32[1]: 1 of 1 elements differ, the first at 0",
        ),
        (tensor([[1]]), tensor([1]), "output is float32[1, 1] and float32[1]"),
        (tensor([1]), tensor([1], "int32"), "output is float32[1] and int32[1]"),
        (tensor([]), tensor([]), None),
        (
            tensor(1, ml_dtypes.bfloat16),
            tensor(2, ml_dtypes.bfloat16),
            "output, bfloat16[]: 1 of 1 elements differ, the first at 0",
        ),
        (NAN, NAN, None),
        (1, 2, "output is 1 and 2"),
        (1, 1.0, "output is a int and a float"),
        ("a", "a", None),
        (None, None, None),
        (tvm.runtime.ShapeTuple([1, 2]), tvm.runtime.ShapeTuple([1, 3]), "output[1] is 2 and 3"),
        (tvm_ffi.Array([tensor([1]), 2]), tvm_ffi.Array([tensor([1]), 3]), "output[1] is 2 and 3"),
        (tvm_ffi.Array([1]), tvm_ffi.Array([1, 2]), "output has 1 and 2 fields"),
        (
            tvm_ffi.Array([1, tvm_ffi.Array([tensor([1])])]),
            tvm_ffi.Array([1, tvm_ffi.Array([tensor([2])])]),
            "output[1][0], float32[1]: 1 of 1 elements differ, the first at 0",
        ),
    ],
)
def test_where_results_differ(one: Any, other: Any, found: str | None) -> None:
    assert first_difference(one, other) == found
