"""The model of docs/how-to/inside.md: a product of matrices, as TVM lowers it, and another way."""

from __future__ import annotations

import sys

import numpy as np
import tvm
from tvm import relax, s_tir

import vmprof

SIZE = 512


def model() -> tvm.IRModule:
    """relu(x @ w), with x and w [512, 512]."""
    x = relax.Var("x", relax.TensorType((SIZE, SIZE), "float32"))
    weight = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype("float32")
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        with builder.dataflow():
            product = builder.emit(relax.op.matmul(x, relax.const(weight)))
            output = builder.emit_output(relax.op.nn.relu(product))
        builder.emit_func_output(output)
    return relax.transform.LegalizeOps()(builder.get())


def scheduled(module: tvm.IRModule) -> tvm.IRModule:
    """The same, whose innermost loop goes along rows: 16 numbers beside each other at a time."""
    schedule = s_tir.Schedule(module)
    schedule.work_on("matmul")
    block = schedule.get_sblock("matmul")
    row, column, reduction = schedule.get_loops(block)
    outer, inner = schedule.split(column, [None, 16])
    rows, of_tile = schedule.split(row, [None, 8])
    schedule.reorder(rows, outer, reduction, of_tile, inner)
    schedule.vectorize(inner)
    schedule.unroll(of_tile)
    schedule.decompose_reduction(block, reduction)
    return schedule.mod


if __name__ == "__main__":
    module = model()
    vmprof.compile(module).export_library(f"{sys.argv[1]}/before.so")
    vmprof.compile(scheduled(module)).export_library(f"{sys.argv[1]}/after.so")
