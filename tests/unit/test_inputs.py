"""Arguments from parameters, arrays and dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm

from vmprof import VmprofError
from vmprof.inputs import describe, load_arrays, make_inputs
from vmprof.program import Parameter
from vmprof.program.types import (
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
    UnknownType,
)

FLOAT32, INT32, BOOL, BFLOAT16 = (2, 32, 1), (0, 32, 1), (6, 8, 1), (4, 16, 1)
X = Parameter("x", TensorType(FLOAT32, ("n", 4)))
Y = Parameter("y", TensorType(INT32, ("n * 2", "m")))


def test_made_up_values_fit_and_come_from_the_seed() -> None:
    sizes = {"n": 3, "m": 2}
    x, y = make_inputs([X, Y], dimensions=sizes, seed=7)
    assert (x.dtype, x.shape) == ("float32", (3, 4))
    assert (y.dtype, y.shape) == ("int32", (6, 2))
    again = make_inputs([X, Y], dimensions=sizes, seed=7)
    other = make_inputs([X, Y], dimensions=sizes, seed=8)
    assert (again[0].numpy() == x.numpy()).all()
    assert (other[0].numpy() != x.numpy()).any()
    assert y.numpy().min() >= 0


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (TensorType(BOOL, (5,)), lambda v: v.dtype == "bool" and v.shape == (5,)),
        (TensorType(BFLOAT16, ()), lambda v: v.dtype == "bfloat16" and v.shape == ()),
        (ShapeType(("n", 7)), lambda v: tuple(v) == (2, 7)),
        (ScalarType(FLOAT32), lambda v: isinstance(v, float)),
        (ScalarType(INT32), lambda v: isinstance(v, int)),
        (
            TupleType((TensorType(FLOAT32, ("n",)), ShapeType((1,)))),
            lambda v: v[0].shape == (2,) and tuple(v[1]) == (1,),
        ),
    ],
)
def test_every_kind_of_parameter(kind: Any, check: Any) -> None:
    value, _ = make_inputs([Parameter("p", kind), X], dimensions={"n": 2})
    assert check(value)


def test_given_arrays_settle_symbolic_dimensions() -> None:
    x = np.zeros((5, 4), "float32")
    given, made = make_inputs([X, Y], {"x": x}, dimensions={"m": 1})
    assert given.shape == (5, 4)
    assert made.shape == (10, 1)


def test_in_order() -> None:
    values = [np.zeros((1, 4), "float32"), np.zeros((2, 3), "int32")]
    assert [v.shape for v in make_inputs([X, Y], values)] == [(1, 4), (2, 3)]


def test_values_that_are_no_tensors_pass_as_they_are() -> None:
    value = tvm.runtime.ShapeTuple([1])
    assert make_inputs([Parameter("s", ShapeType(None))], [value])[0] is value


@pytest.mark.parametrize(
    ("given", "dimensions", "message"),
    [
        (
            None,
            {},
            r"parameter 'x' is float32\[n, 4\]: say how large n is with dimensions=\{'n': N\}",
        ),
        (None, {"k": 1}, "no symbolic dimension 'k'; there are: n, m"),
        ({"z": 1}, {}, r"no parameter 'z'; expected x: float32\[n, 4\], y: int32\[n \* 2, m\]"),
        ([np.zeros(3)], {}, r"1 inputs were given; expected x: float32\[n, 4\], y"),
        (
            {"x": np.zeros((2, 5), "float32")},
            {},
            r"input 'x' is float32\[2, 5\]; expected float32\[n, 4\] with n=2",
        ),
        (
            {"x": np.zeros((2, 4), "float64")},
            {},
            r"input 'x' is float64\[2, 4\]; expected float32\[n, 4\]",
        ),
        (
            {"x": np.zeros((2, 4), "float32")},
            {"n": 3},
            r"input 'x' is float32\[2, 4\]; expected float32\[n, 4\] with n=3",
        ),
        (
            {"x": np.zeros((2, 4), "float32"), "y": np.zeros((5, 1), "int32")},
            {},
            r"input 'y' is int32\[5, 1\]; expected int32\[n \* 2, m\] with n=2, m=1",
        ),
        ({"x": np.zeros(4, "float32")}, {}, r"input 'x' is float32\[4\]; expected"),
        (
            {"x": "text"},
            {},
            r"input 'x' is 'text'; expected float32\[n, 4\], or zeros, ones, random, a number, or ",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, dimensions: dict[str, int], message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        make_inputs([X, Y], given, dimensions=dimensions)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (UnknownType(), "a value that the function does not check.*says too little"),
        (TensorType(None, (1,)), r"tensor\[1\]\) says too little"),
        (TensorType(FLOAT32, None), r"float32\[\.\.\.\]\) says too little"),
        (TensorType(FLOAT32, (None,)), r"float32\[\?\], of which vmprof cannot work out the size"),
        (TensorType(FLOAT32, ("n - 9",)), r"float32\[n - 9\], of which vmprof cannot"),
        (TensorType(FLOAT32, (1 << 40, 1 << 20)), "does not fit into memory"),
    ],
)
def test_what_cannot_be_made_up_is_said(kind: Any, message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        make_inputs([Parameter("p", kind), X], dimensions={"n": 2})


def test_descriptions() -> None:
    kind = TupleType((TensorType(FLOAT32, ("n", None)), ShapeType(None), ScalarType(INT32)))
    assert describe(kind) == "(float32[n, ?], shape[...], int32 number)"


# ---- files ---------------------------------------------------------------------


def test_files(tmp_path: Path) -> None:
    x, y = np.arange(3.0), np.ones(2)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "more.npz", y=y, z=y)
    arrays = load_arrays([f"x={tmp_path / 'x.npy'}", str(tmp_path / "more.npz")])
    assert list(arrays) == ["x", "y", "z"]
    assert (arrays["x"] == x).all()


def test_files_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones(1))
    np.savez("x.npz", x=np.ones(1))
    np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    Path("text.npy").write_text("hello")
    Path("empty.npy").touch()
    Path("broken.npz").write_bytes(Path("x.npz").read_bytes()[:60])
    for specifications, message in [
        (["x.npy"], "write NAME=FILE.npy, FILE.npz, or NAME=zeros"),
        (["x=none.npy"], "there is no file none.npy"),
        (["x=text.npy"], "text.npy cannot be read"),
        (["x=empty.npy"], "empty.npy cannot be read"),
        (["broken.npz"], "broken.npz cannot be read"),
        (["x=objects.npy"], "objects.npy cannot be read"),
        (["x=x.npz"], "x.npz names its arrays itself"),
        (["x=x.npy", "x.npz"], "--input gives 'x' twice"),
    ]:
        with pytest.raises(VmprofError, match=message):
            load_arrays(specifications)
