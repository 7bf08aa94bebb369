"""Constants for bytecode that tests write."""

from __future__ import annotations

import struct

from vmprof.program.bytecode import TensorConstant
from vmprof.program.reader import TENSOR_MAGIC


def tensor_constant(dtype: tuple[int, int, int], shape: tuple[int, ...]) -> TensorConstant:
    """A tensor of zeros."""
    size = (dtype[1] + 7) // 8
    for extent in shape:
        size *= extent
    data = b"".join(
        [
            struct.pack("<QQii", TENSOR_MAGIC, 0, 1, 0),
            struct.pack("<iBBH", len(shape), *dtype),
            struct.pack(f"<{len(shape)}q", *shape),
            struct.pack("<q", size),
            bytes(size),
        ]
    )
    return TensorConstant(dtype, shape, memoryview(data))
