"""Constants of a program as the TVM objects that its instructions are called with."""

from __future__ import annotations

import struct
from typing import Any

import tvm
import tvm_ffi

from vmprof.program.bytecode import Constant, DataTypeConstant, ShapeConstant, TensorConstant

# A parameter file (runtime.SaveParams) of one tensor without a name; what
# follows is a tensor just as the constant pool holds it. TVM itself reads it,
# so any dtype works and alignment is TVM's own.
_ONE_TENSOR = struct.pack("<QQQQQ", 0xF7E58D4F05049CB7, 0, 1, 0, 1)


def to_tvm(constant: Constant) -> Any:
    """The value that TVM's VM would pass for ``constant``."""
    match constant:
        case TensorConstant(serialized=serialized):
            return tvm.runtime.load_param_dict(_ONE_TENSOR + serialized)[""]
        case ShapeConstant(shape):
            return tvm_ffi.Shape(shape)
        case DataTypeConstant(dtype):
            return tvm_ffi.dtype.from_dlpack_data_type(dtype)
        case str():
            return tvm_ffi.core.String(constant)
    return constant
