"""Which integers of a kernel are places in its tensors."""

from __future__ import annotations

from typing import Any

import pytest
from tvm import te, tirx
from tvm.script import tirx as T

from vmprof.program.kernels import Flow
from vmprof.zoo.compiler.indices import limits_and_flows


def kernel(*tensors: te.Tensor) -> tirx.PrimFunc:
    return te.create_prim_func(list(tensors), "int64")


IDS = te.placeholder((3,), "int32", name="ids")
TABLE = te.placeholder((7, 4), "float32", name="table")


def indexed(index: Any) -> tirx.PrimFunc:
    """table[index(ids[i]), 0]"""
    return kernel(IDS, TABLE, te.compute((3,), lambda i: TABLE[index(IDS[i]), 0]))


@pytest.mark.parametrize(
    ("index", "limit"),
    [
        (lambda v: v, 7),
        (lambda v: tirx.Cast("int64", v), 7),
        (lambda v: tirx.Select(v < 0, v + 7, v), 7),
        (lambda v: tirx.max(0, tirx.min(v, 6)), 7),
        (lambda v: tirx.floormod(v, 7), 7),
        (lambda v: 6 - v, 7),
        (lambda v: v + 1, 1),  # 6 would be the eighth
        (lambda v: v * 2, 1),
        (lambda v: v + v, 1),
        (lambda v: 7 - v, 1),
        (lambda v: tirx.Cast("int32", tirx.floor(tirx.Cast("float32", v) * 2.0)), 1),
    ],
)
def test_indices(index: Any, limit: int) -> None:
    assert limits_and_flows(indexed(index)) == ((limit, None, None), ())


def test_what_is_no_index() -> None:
    added = te.compute((3,), lambda i: IDS[i] + 1)
    assert limits_and_flows(kernel(IDS, added)) == ((None, None), (Flow(0, 1, exact=False),))
    real = te.compute((3,), lambda i: tirx.Cast("float32", IDS[i]))
    assert limits_and_flows(kernel(IDS, real)) == ((None, None), ())


def test_places_in_two_tensors() -> None:
    other = te.placeholder((5,), "float32", name="other")
    both = te.compute((3,), lambda i: TABLE[IDS[i], IDS[i]] + other[IDS[i]])
    assert limits_and_flows(kernel(IDS, TABLE, other, both))[0] == (4, None, None, None)


def test_through_a_tensor_of_the_kernels_own() -> None:
    cast = te.compute((3,), lambda i: tirx.Cast("int64", IDS[i]))
    taken = te.compute((3,), lambda i: TABLE[cast[i], 0])
    assert limits_and_flows(kernel(IDS, TABLE, taken)) == ((7, None, None), ())
    shifted = te.compute((3,), lambda i: IDS[i] + 1)
    taken = te.compute((3,), lambda i: TABLE[shifted[i], 0])
    assert limits_and_flows(kernel(IDS, TABLE, taken)) == ((1, None, None), ())


def test_indices_of_indices() -> None:
    places = te.placeholder((9,), "int32", name="places")
    taken = te.compute((3,), lambda i: TABLE[places[IDS[i]], 0])
    assert limits_and_flows(kernel(IDS, places, TABLE, taken))[0] == (9, 7, None, None)


@T.prim_func(s_tir=True)
def carried(ids: T.Buffer((8,), "int32"), table: T.Buffer((7,), "float32"),
            places: T.Buffer((8,), "int32"), out: T.Buffer((8,), "float32")):  # fmt: skip
    for i in range(7):
        out[i] = table[places[i]]
        places[i + 1] = ids[i]


@T.prim_func(s_tir=True)
def named(ids: T.Buffer((8,), "int32"), table: T.Buffer((7,), "float32"),
          out: T.Buffer((8,), "float32")):  # fmt: skip
    for i in range(8):
        place = ids[i] + 5
        out[i] = table[place]


@T.prim_func(s_tir=True)
def given_away(ids: T.Buffer((8,), "int32"), out: T.Buffer((8,), "float32")):
    T.evaluate(T.call_extern("int32", "whatever", ids.data, out.data))


@T.prim_func(s_tir=True)
def repeated(ids: T.Buffer((8,), "int32"), out: T.Buffer((8,), "float32")):
    for i in range(8):
        for j in range(ids[i]):
            out[j] = T.float32(1)


@pytest.mark.parametrize(
    ("function", "limit"), [(carried, 7), (named, 1), (given_away, 1), (repeated, 1)]
)
def test_where_values_go_is_not_missed(function: Any, limit: int) -> None:
    assert limits_and_flows(function)[0][0] == limit
