"""numpy arrays <-> TVM's tensors, of every dtype that TVM has."""

from __future__ import annotations

from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16, float8, int4, ... with numpy
import numpy as np
import numpy.typing as npt
import tvm
import tvm_ffi

from vmprof.errors import VmprofError

Array = npt.NDArray[Any]


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """The numpy dtype of one lane; :class:`VmprofError` if numpy has none."""
    lane = str(tvm_ffi.dtype(dtype).with_lanes(1))
    try:
        return np.dtype(lane)
    except TypeError as error:
        raise VmprofError(f"numpy has no dtype {lane}") from error


def to_tensor(array: Array, dtype: str) -> Any:
    """``array``, of :func:`numpy_dtype`, as a tensor of ``dtype``.

    With several lanes they are the last axis of ``array``. An element of less than a byte
    takes a whole one, as in kernels for processors.
    """
    lanes = tvm_ffi.dtype(dtype).lanes
    if lanes == 1 and array.dtype.itemsize * 8 == tvm_ffi.dtype(dtype).bits:
        return tvm.runtime.tensor(np.ascontiguousarray(array).reshape(array.shape))
    if lanes == 1 and dtype == "bool":
        return tvm.runtime.tensor(np.ascontiguousarray(array).reshape(array.shape))
    shape = array.shape if lanes == 1 else array.shape[:-1]
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return tvm.runtime.tensor(data)._create_view(shape, dtype)  # noqa: SLF001, TVM has no other way


def from_others(value: Any) -> Any:
    """A copy of a tensor of another framework's (PyTorch's, ...), or None if it is none."""
    if not hasattr(value, "__dlpack__") or isinstance(value, np.ndarray | np.generic):
        return None
    # PyTorch gives none of a tensor that it follows for gradients.
    value = value.detach() if hasattr(value, "detach") else value
    value = value.contiguous() if hasattr(value, "contiguous") else value
    value = value.cpu() if hasattr(value, "cpu") else value
    tensor = tvm_ffi.from_dlpack(value)
    # Kernels count on an alignment that others do not keep.
    return tvm.runtime.empty(tensor.shape, str(tensor.dtype)).copyfrom(tensor)
