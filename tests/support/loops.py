"""A kernel of two loops, one of which costs three times as much as the other."""

from __future__ import annotations

import tvm
from tvm import relax
from tvm.script import tirx as T

ROUNDS = 100_000


def two_loops() -> tvm.IRModule:
    """``main(x)`` calls ``loops``: what each round computes needs what the last one gave.

    So a round takes as long as a product and a sum take one after the other, and nothing can
    be done beside it.
    """
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((2,), "float32"))
    with builder.function("main", [x]):
        kernel = builder.add_func(_loops.with_attr("global_symbol", "loops"), "loops")
        out = relax.TensorType((2,), "float32")
        builder.emit_func_output(builder.emit(relax.call_tir(kernel, (x,), out_ty=out)))
    return builder.get()


@T.prim_func(s_tir=True, check_well_formed=False)
def _loops(x: T.Buffer((2,), "float32"), y: T.Buffer((2,), "float32")) -> None:
    T.func_attr({"tirx.noalias": True})
    y[0] = x[0]
    y[1] = x[1]
    for _i in range(ROUNDS):
        y[0] = y[0] * T.float32(0.5) + x[1]
    for _j in range(3 * ROUNDS):
        y[1] = y[1] * T.float32(0.5) + x[0]
