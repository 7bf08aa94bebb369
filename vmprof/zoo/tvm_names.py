"""What TVM 0.27 calls otherwise than TVM 0.26 did. TVM has no type stubs."""

from __future__ import annotations

from typing import Any

from tvm import ir, relax, s_tir, tirx

try:
    from tvm.sym import Analyzer

    Constant: Any = ir.GenericConst
    StringImm: Any = ir.StringImm
    TensorLoad: Any = ir.TensorLoad
    SBlock: Any = s_tir.SBlock
    SBlockRealize: Any = s_tir.SBlockRealize
    _ARRAY, _LOADED = "value", "source"
except ImportError:  # TVM 0.26
    from tvm.arith import Analyzer

    Constant = relax.Constant
    StringImm = tirx.StringImm
    TensorLoad = tirx.BufferLoad
    SBlock = tirx.SBlock
    SBlockRealize = tirx.SBlockRealize
    _ARRAY, _LOADED = "data", "buffer"

__all__ = [
    "Analyzer",
    "Constant",
    "SBlock",
    "SBlockRealize",
    "StringImm",
    "TensorLoad",
    "array_of",
    "loaded",
]


def array_of(constant: Any) -> Any:
    """The tensor that a :data:`Constant` is."""
    return getattr(constant, _ARRAY)


def loaded(load: Any) -> Any:
    """The buffer that a :data:`TensorLoad` reads."""
    return getattr(load, _LOADED)
