"""What a user gives a model, as plain data and a file of arrays, and back.

Arrays are numpy's own form, without pickle; what numpy has no name for (bfloat16, float8, int4)
goes as its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.inputs.tensors import Array, from_others, numpy_dtype, to_tensor


class Packed:
    """Values as plain data, whose arrays are kept aside until they are written."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []

    def __bool__(self) -> bool:
        return bool(self._arrays)

    def pack(self, value: Any) -> Any:
        """``value`` as JSON has it; :class:`VmprofError` if it is nothing that a model takes."""
        match value:
            case None | bool() | str():
                return value
            case int():
                return {"int": str(value)}
            case float():
                return {"float": value.hex()}
            case Mapping():
                return {"named": [[str(name), self.pack(each)] for name, each in value.items()]}
            case tvm_ffi.Shape():
                return {"shape": [int(each) for each in value]}
            case tuple() | tvm_ffi.Array():
                return {"tuple": [self.pack(each) for each in value]}
            case Sequence():
                return [self.pack(each) for each in value]
            case np.ndarray() | np.generic():
                return self._array(np.asarray(value))
        tensor: Any = value if isinstance(value, tvm_ffi.Tensor) else from_others(value)
        if tensor is None:
            raise VmprofError(
                f"an input is a {type(value).__name__}, which cannot be sent to a remote host; "
                "give an array or numbers"
            )
        # What numpy knows is not copied: it may be all weights of a large model.
        known = re.fullmatch(r"(u?int|float)(8|16|32|64)", str(tensor.dtype))
        array = np.from_dlpack(tensor) if known else tensor.numpy()
        return {**self._array(array), "tensor": str(tensor.dtype)}

    def write(self, path: Path) -> None:
        """Write the arrays, each as it is, one after the other."""
        np.savez(path, allow_pickle=False, **{f"{n}": each for n, each in enumerate(self._arrays)})

    def _array(self, array: Array) -> dict[str, Any]:
        if array.dtype.hasobject:
            raise VmprofError(
                "an input is an array of Python's objects, which cannot be sent to a remote host; "
                "give an array of numbers"
            )
        place: dict[str, Any] = {"array": len(self._arrays)}
        if not _is_numpys(array.dtype):
            place |= {"dtype": array.dtype.name, "shape": list(array.shape)}
            array = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._arrays.append(array)
        return place


def unpacked(plain: Any, arrays: Mapping[str, Array]) -> Any:
    """What :meth:`Packed.pack` was given; ``arrays`` are those of the file."""
    match plain:
        case list():
            return [unpacked(each, arrays) for each in plain]
        case {"int": str(text)}:
            return int(text)
        case {"float": str(text)}:
            return float.fromhex(text)
        case {"named": list(pairs)}:
            return {name: unpacked(each, arrays) for name, each in pairs}
        case {"tuple": list(fields)}:
            return tuple(unpacked(each, arrays) for each in fields)
        case {"array": int(number)}:
            array = arrays[f"{number}"]
            if "dtype" in plain:
                array = array.view(numpy_dtype(plain["dtype"])).reshape(plain["shape"])
            return to_tensor(array, plain["tensor"]) if "tensor" in plain else array
        case {"shape": list(sizes)}:
            return tvm_ffi.Shape(tuple(sizes))
    return plain


def read_arrays(file: Path | IO[bytes]) -> Mapping[str, Array]:
    """The arrays of a file, each of which is read when it is taken."""
    arrays: Mapping[str, Array] = np.load(file, allow_pickle=False)
    return arrays


def _is_numpys(dtype: np.dtype[Any]) -> bool:
    """Whether numpy's form of a file tells which dtype it is."""
    if dtype.fields is not None:
        return True
    try:
        return np.dtype(dtype.str) == dtype
    except TypeError:  # float8_e5m2 calls itself <f1
        return False
