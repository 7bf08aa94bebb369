"""Constants of a program as the TVM objects that its instructions are called with."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import tvm
import tvm_ffi
from tvm.runtime import Device

from vmprof.program.bytecode import (
    Bytecode,
    Constant,
    DataTypeConstant,
    ShapeConstant,
    TensorConstant,
)

# A parameter file (runtime.SaveParams) of one tensor without a name; what
# follows is a tensor just as the constant pool holds it. TVM itself reads it,
# so any dtype works and alignment is TVM's own.
_ONE_TENSOR = struct.pack("<QQQQQ", 0xF7E58D4F05049CB7, 0, 1, 0, 1)


def constants_of(
    bytecode: Bytecode, device: Device, in_memory: Mapping[int, Any] | None = None
) -> list[Any]:
    """The values that TVM's VM would pass; tensors on ``device``, in their memory scope.

    Those of ``in_memory``, by their places in the pool, are taken as they are.
    """
    known, scopes = in_memory or {}, bytecode.memory_scopes
    return [
        known[index] if index in known else _to_tvm(constant, device, scopes.get(index, ""))
        for index, constant in enumerate(bytecode.constants)
    ]


def _to_tvm(constant: Constant, device: Device, scope: str) -> Any:
    match constant:
        case TensorConstant(serialized=serialized):
            tensor = tvm.runtime.load_param_dict(_ONE_TENSOR + serialized)[""]
            return on_device(tensor, device, scope)
        case ShapeConstant(shape):
            return tvm_ffi.Shape(shape)
        case DataTypeConstant(dtype):
            return tvm_ffi.dtype.from_dlpack_data_type(dtype)
        case str():
            return tvm_ffi.core.String(constant)
    return constant


def on_device(tensor: Any, device: Device, scope: str = "") -> Any:
    """``tensor`` itself where it is there already, else a copy."""
    if tensor.device == device:
        return tensor
    copy = tvm.runtime.empty(tensor.shape, tensor.dtype, device, scope or None)
    copy.copyfrom(tensor)
    return copy
