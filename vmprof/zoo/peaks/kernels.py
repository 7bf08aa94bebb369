"""Kernels that do nothing but compute, or nothing but move bytes.

They are compiled as models are, by TVM for this processor, and split over the
threads of its pool: what they reach, a model's kernel could reach.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm.script import tirx as T  # noqa: N812

# Multiplications and additions of one vector follow from one another: many vectors
# have to be under way at once to keep the units busy. How many is tried out.
ACCUMULATORS = (8, 10, 12, 16)


def fused_multiply_adds(accumulators: int, lanes: int, chunks: int, rounds: int) -> Any:
    """``a = a * b + c`` on ``chunks`` x ``accumulators`` x ``lanes`` floats, ``rounds`` times.

    A function of a float32 array of shape (chunks, accumulators, lanes).
    """

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def compute(array: T.handle) -> None:
        values = T.match_buffer(array, (chunks, accumulators, lanes), "float32")
        for chunk in T.parallel(chunks):
            kept = T.alloc_buffer((accumulators, lanes), "float32", scope="local")
            for a in T.unroll(accumulators):
                for lane in T.vectorized(lanes):
                    kept[a, lane] = values[chunk, a, lane]
            for _ in T.serial(rounds):
                for a in T.unroll(accumulators):
                    for lane in T.vectorized(lanes):
                        kept[a, lane] = kept[a, lane] * T.float32(0.999) + T.float32(0.5)
            for a in T.unroll(accumulators):
                for lane in T.vectorized(lanes):
                    values[chunk, a, lane] = kept[a, lane]

    return compute


def reading(lanes: int, chunks: int, rows: int) -> Any:
    """Adds up: reads float32 (chunks, rows, 4, lanes), writes (chunks, 4, lanes)."""

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def read(first: T.handle, second: T.handle) -> None:
        source = T.match_buffer(first, (chunks, rows, 4, lanes), "float32")
        sums = T.match_buffer(second, (chunks, 4, lanes), "float32")
        for chunk in T.parallel(chunks):
            kept = T.alloc_buffer((4, lanes), "float32", scope="local")
            for a in T.unroll(4):
                for lane in T.vectorized(lanes):
                    kept[a, lane] = T.float32(0)
            for row in T.serial(rows):
                for a in T.unroll(4):
                    for lane in T.vectorized(lanes):
                        kept[a, lane] = kept[a, lane] + source[chunk, row, a, lane]
            for a in T.unroll(4):
                for lane in T.vectorized(lanes):
                    sums[chunk, a, lane] = kept[a, lane]

    return read


def scaling(lanes: int, chunks: int, rows: int) -> Any:
    """``b = 2 * a``: reads and writes float32 (chunks, rows, lanes)."""

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def scale(first: T.handle, second: T.handle) -> None:
        source = T.match_buffer(first, (chunks, rows, lanes), "float32")
        target = T.match_buffer(second, (chunks, rows, lanes), "float32")
        for chunk in T.parallel(chunks):
            for row in T.serial(rows):
                for lane in T.vectorized(lanes):
                    target[chunk, row, lane] = source[chunk, row, lane] * T.float32(2)

    return scale


def compiled(function: Any, target: tvm.target.Target) -> Any:
    """``function`` as something to call on arrays."""
    module = tvm.IRModule({"main": function.with_attr("global_symbol", "main")})
    return tvm.compile(module, target).jit()["main"]
