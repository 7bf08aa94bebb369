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


def filling(lanes: int) -> Any:
    """Writes ones: of a float32 array of shape (chunks, rows, 8, lanes), which need not be there.

    Each thread touches first what it works on later: where memory is near to it.
    """

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def fill(first: T.handle) -> None:
        chunks = T.int64()
        rows = T.int64()
        target = T.match_buffer(first, (chunks, rows, 8, lanes), "float32")
        for chunk in T.parallel(chunks):
            for row in T.serial(rows):
                for a in T.unroll(8):
                    for lane in T.vectorized(lanes):
                        target[chunk, row, a, lane] = T.float32(1)

    return fill


def reading(lanes: int) -> Any:
    """Adds up, ``rounds`` times: reads float32 (chunks, rows, 8, lanes), writes (chunks, lanes).

    Eight vectors are added to one another before they are added to the sum, which goes
    through memory each time: what is written is an eighth of what is read, and near.
    """

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def read(first: T.handle, second: T.handle, rounds: T.int64) -> None:
        chunks = T.int64()
        rows = T.int64()
        source = T.match_buffer(first, (chunks, rows, 8, lanes), "float32")
        sums = T.match_buffer(second, (chunks, lanes), "float32")
        for chunk in T.parallel(chunks):
            kept = T.alloc_buffer((lanes,), "float32", scope="local")
            for lane in T.vectorized(lanes):
                kept[lane] = T.float32(0)
            for _ in T.serial(rounds):
                for row in T.serial(rows):
                    for lane in T.vectorized(lanes):
                        kept[lane] = kept[lane] + (
                            (
                                (source[chunk, row, 0, lane] + source[chunk, row, 1, lane])
                                + (source[chunk, row, 2, lane] + source[chunk, row, 3, lane])
                            )
                            + (
                                (source[chunk, row, 4, lane] + source[chunk, row, 5, lane])
                                + (source[chunk, row, 6, lane] + source[chunk, row, 7, lane])
                            )
                        )
            for lane in T.vectorized(lanes):
                sums[chunk, lane] = kept[lane]

    return read


def shifting(lanes: int) -> Any:
    """``b = a + round``, ``rounds`` times: reads and writes float32 (chunks, rows, 8, lanes).

    Every round writes something else, so that none can be left out.
    """

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def shift(first: T.handle, second: T.handle, rounds: T.int64) -> None:
        chunks = T.int64()
        rows = T.int64()
        source = T.match_buffer(first, (chunks, rows, 8, lanes), "float32")
        target = T.match_buffer(second, (chunks, rows, 8, lanes), "float32")
        for chunk in T.parallel(chunks):
            for number in T.serial(rounds):
                for row in T.serial(rows):
                    for a in T.unroll(8):
                        for lane in T.vectorized(lanes):
                            target[chunk, row, a, lane] = source[chunk, row, a, lane] + T.Cast(
                                "float32", number
                            )

    return shift


def launching() -> Any:
    """Launches ``rounds`` times, in which each thread adds 1 to a float32 of (threads, 16)."""

    @T.prim_func(private=True, s_tir=True)  # type: ignore[untyped-decorator]
    def launch(first: T.handle, rounds: T.int64) -> None:
        threads = T.int64()
        values = T.match_buffer(first, (threads, 16), "float32")
        for _ in T.serial(rounds):
            for thread in T.parallel(threads):
                values[thread, 0] = values[thread, 0] + T.float32(1)

    return launch


def compiled(function: Any, target: tvm.target.Target) -> Any:
    """``function`` as something to call on arrays."""
    module = tvm.IRModule({"main": function.with_attr("global_symbol", "main")})
    return tvm.compile(module, target).jit()["main"]
