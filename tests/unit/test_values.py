"""What users hand in for a parameter: arrays of every dtype, numbers, lists, texts, weights."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers dtypes with numpy
import numpy as np
import pytest
import tvm
import tvm_ffi
from hypothesis import given
from hypothesis import strategies as st

from vmprof import VmprofError
from vmprof.inputs import load_arrays, load_weights, make_inputs, resolve_inputs
from vmprof.inputs.made_up import Way, way_of
from vmprof.program import Parameter
from vmprof.program.limits import Limit
from vmprof.program.types import ScalarType, ShapeType, TensorType, TupleType, UnknownType

FLOAT32, INT32, INT64 = (2, 32, 1), (0, 32, 1), (0, 64, 1)


def tensor(dtype: str, *shape: Any, name: str = "x", **more: Any) -> Parameter:
    kind = tvm_ffi.dtype(dtype)
    return Parameter(name, TensorType((kind.type_code, kind.bits, kind.lanes), shape), **more)


def bytes_of(value: Any) -> bytes:
    """Of a tensor each of whose elements takes whole bytes, as in kernels for processors."""
    dtype = tvm_ffi.dtype(str(value.dtype))
    size = int(np.prod(value.shape)) * max(dtype.bits // 8, 1) * dtype.lanes
    return ctypes.string_at(value.data_ptr(), size)


# ---- arrays from files -----------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4", "float4_e2m1fn"]
)
def test_dtypes_whose_names_numpy_does_not_save(tmp_path: Path, dtype: str) -> None:
    array = np.arange(6).astype(dtype).reshape(2, 3)
    np.save(tmp_path / "x.npy", array)
    arrays = load_arrays([f"x={tmp_path / 'x.npy'}"])
    assert arrays["x"].dtype.name.startswith("void")
    (value,) = make_inputs([tensor(dtype, 2, 3)], arrays)
    assert (value.dtype, value.shape) == (dtype, (2, 3))
    assert bytes_of(value) == array.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f4", "<f4"])
def test_byte_order_and_layout(tmp_path: Path, dtype: str, order: Any) -> None:
    array = np.asarray(np.arange(6, dtype=dtype).reshape(2, 3), order=order)
    np.save(tmp_path / "x.npy", array)
    arrays = load_arrays([f"x={tmp_path / 'x.npy'}"])
    (value,) = make_inputs([tensor("float32", 2, 3)], arrays)
    assert (value.numpy() == np.arange(6).reshape(2, 3)).all()


def test_slices_and_scalars() -> None:
    (value,) = make_inputs([tensor("float32", 3)], [np.arange(6, dtype="float32")[::2]])
    assert value.numpy().tolist() == [0, 2, 4]
    (value,) = make_inputs([tensor("float32")], [np.float32(2.5)])
    assert (value.shape, float(value.numpy())) == ((), 2.5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(list("ab")), r"<U1\[2\], which is no tensor; expected float32\[2\]"),
        (np.array(["2026-01-01"], "datetime64[D]"), r"datetime64\[D\]\[1\], which is no tensor"),
        (np.zeros(2, "complex64"), r"complex64\[2\], a dtype that TVM has not; expected float32"),
        (np.zeros(2, "float16").view("V2"), r"2 bytes for each of \[2\]; expected float32\[2\]"),
        (np.zeros(2, [("a", "f4")]), r"which is no tensor"),
    ],
)
def test_arrays_that_are_no_tensors(array: Any, message: str) -> None:
    with pytest.raises(VmprofError, match=rf"input 'x' is .*{message}"):
        make_inputs([tensor("float32", 2)], [array])


# ---- other values ----------------------------------------------------------------


def test_lists_and_numbers_take_the_dtype_of_the_parameter() -> None:
    (value,) = make_inputs([tensor("int32", 2, 2)], {"x": [[1, 2], [3, 4]]})
    assert (value.dtype, value.numpy().tolist()) == ("int32", [[1, 2], [3, 4]])
    (value,) = make_inputs([tensor("float32")], [3])
    assert (value.dtype, float(value.numpy())) == ("float32", 3.0)
    for value, message in [
        ([[1], [1, 2]], "a list that is no array of numbers"),
        ([1, "2"], "a list that is no array of numbers"),
        ([1, 300], "a list of numbers that are no int8"),
        ([1, 0.5], "a list of numbers that are no int8"),
        ([1, float("nan")], "a list of numbers that are no int8"),
    ]:
        with pytest.raises(VmprofError, match=rf"input 'x' is {message}; expected int8\[2\]"):
            make_inputs([tensor("int8", 2)], {"x": value})


def test_the_value_of_the_only_input() -> None:
    for value in (np.zeros(3, "float32"), tvm.runtime.tensor(np.zeros(3, "float32")), [1, 2, 3]):
        (made,) = make_inputs([tensor("float32", 3)], value)
        assert made.shape == (3,)
    fields = TupleType((TensorType(FLOAT32, (1,)), TensorType(INT32, (2,))))
    ((first, second),) = make_inputs([Parameter("t", fields)], ([1.0], [2, 3]))
    assert (first.dtype, second.numpy().tolist()) == ("float32", [2, 3])


def test_tensors_of_other_frameworks() -> None:
    torch = pytest.importorskip("torch", reason="gives tensors; pip install torch")
    followed = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
    (value,) = make_inputs([tensor("float32", 3, 2)], followed)
    assert (value.numpy() == followed.detach().numpy()).all()
    (value,) = make_inputs([tensor("bfloat16", 2)], torch.ones(2, dtype=torch.bfloat16))
    assert value.dtype == "bfloat16"


def test_fields_of_tuples_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([7, 8], "int32"))
    kind = TupleType((TensorType(FLOAT32, ("n",)), TupleType((TensorType(INT32, ("n",)),))))
    arrays = load_arrays([f"t.1.0={tmp_path / 'y.npy'}"])
    resolved = resolve_inputs([Parameter("t", kind)], arrays)
    ((first, (second,)),) = resolved.arguments
    assert (first.shape, second.numpy().tolist()) == ((2,), [7, 8])
    assert resolved.made_up == "t.0: normal"


def test_shapes_and_numbers() -> None:
    parameters = [
        Parameter("s", ShapeType(("n", 8))),
        Parameter("i", ScalarType(INT64)),
        Parameter("f", ScalarType(FLOAT32)),
    ]
    texts = load_arrays(["s=2,8", "i=5", "f=0.5"])
    for values in (texts, [(2, 8), np.array([5]), np.float64(0.5)], [np.array([2, 8]), 5.0, 0.5]):
        shape, whole, real = make_inputs(parameters, values)
        assert tuple(shape) == (2, 8)
        assert (whole, real) == (5, 0.5)
        assert type(whole) is int
    for values, message in [
        ({"s": [2, 9]}, r"input 's' is shape\[2, 9\]; expected shape\[n, 8\] with n=2"),
        ({"s": "many"}, r"input 's' is a str; expected shape\[n, 8\]"),
        ({"s": (1, 8), "i": 0.5}, "input 'i' is 0.5; expected a int64 number"),
        ({"s": (1, 8), "i": float("inf")}, "input 'i' is inf; expected a int64 number"),
        ({"s": (1, 8), "i": np.zeros(2)}, "input 'i' is a ndarray; expected a int64 number"),
    ]:
        with pytest.raises(VmprofError, match=message):
            make_inputs(parameters, values)


def test_opaque_values_pass_and_cannot_be_made_up() -> None:
    cache = tvm_ffi.Array([1, 2])
    parameter = Parameter("cache", UnknownType())
    assert make_inputs([parameter], {"cache": cache})[0] is cache
    with pytest.raises(VmprofError, match=r"give it: inputs=\{'cache': \.\.\.\}") as caught:
        make_inputs([parameter])
    assert "give it from Python: vmprof.profile(model, {'cache': ...})" in (
        caught.value.command_line
    )


# ---- made up ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    [
        *("float16", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"),
        *("float6_e2m3fn", "float4_e2m1fn", "bool", "float32x4", "int8x4"),
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (1, 2, 4, 8, 16, 32, 64)),
    ],
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 5)])
def test_every_dtype_is_made_up(dtype: str, shape: tuple[int, ...]) -> None:
    (value,) = make_inputs([tensor(dtype, *shape)])
    assert (value.dtype, value.shape) == (dtype, shape)
    assert bytes_of(make_inputs([tensor(dtype, *shape)])[0]) == bytes_of(value)


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("zeros", Way(0, 0)),
        ("ones", Way(1, 1)),
        ("random", Way()),
        ("-2.5", Way(-2.5, -2.5)),
        ("0..99", Way(0, 99)),
        ("-1e-3..1e3", Way(-1e-3, 1e3)),
        ("x.npy", None),
        ("./zeros", None),
        ("nan", None),
        ("1..inf", None),
        ("1..2..3", None),
        ("", None),
    ],
)
def test_ways(text: str, way: Way | None) -> None:
    assert way_of(text) == way


def test_values_are_made_up_as_is_asked() -> None:
    x = tensor("int32", 1000)
    for text, expected in [
        ("3..5", {3, 4, 5}),
        ("zeros", {0}),
        ("7", {7}),
        ("random", {*range(8)}),
    ]:
        resolved = resolve_inputs([x], load_arrays([f"x={text}"]))
        assert set(resolved.arguments[0].numpy().tolist()) == expected
    (real,) = make_inputs([tensor("float32", 1000)], "-1..1")
    assert -1 <= real.numpy().min() < -0.9 < 0.9 < real.numpy().max() <= 1
    for text, message in [
        ("5..3", "5..3 has no values: 5 is more than 3"),
        ("300", "300..300 are no values for 'x', of int8"),
        ("0.2..0.8", r"0.2..0.8 are no values for 'x', of int8"),
    ]:
        with pytest.raises(VmprofError, match=message):
            make_inputs([tensor("int8", 2)], {"x": text})


@given(st.integers(1, 1 << 40), st.integers(0, 3))
def test_integers_stay_below_their_limits(size: int, seed: int) -> None:
    limits = {(0,): Limit((size, "n"))}
    resolved = resolve_inputs(
        [tensor("int64", 50), tensor("float32", "n", name="y")],
        dimensions={"n": 1000},
        limits=limits,
        seed=seed,
    )
    values = resolved.arguments[0].numpy()
    assert values.min() >= 0
    assert values.max() < min(size, 1000)
    assert resolved.made_up is not None
    assert resolved.made_up.startswith("x: 0")
    assert "places in what it indexes" in resolved.made_up


def test_zero_where_nothing_else_is_known_to_be_safe() -> None:
    resolved = resolve_inputs([tensor("int64", 50)], limits={(0,): Limit((9,), zero_alone=True)})
    assert not resolved.arguments[0].numpy().any()
    assert resolved.made_up == "x: 0 (what its kernels index with it is not known)"
    # What the user says goes.
    resolved = resolve_inputs([tensor("int64", 50)], "4", limits={(0,): Limit(zero_alone=True)})
    assert resolved.made_up == "x: 4"


# ---- symbolic dimensions -----------------------------------------------------------


def test_a_name_stands_for_all_that_are_written_so() -> None:
    parameters = [tensor("float32", "n"), tensor("float32", "n#2", "n#2 * 2", name="y")]
    x, y = make_inputs(parameters, dimensions={"n": 3})
    assert (x.shape, y.shape) == ((3,), (3, 6))
    x, y = make_inputs(parameters, dimensions={"n": 3, "n#2": 4})
    assert (x.shape, y.shape) == ((3,), (4, 8))
    x, y = make_inputs(parameters, {"x": np.zeros(3, "float32")}, dimensions={"n#2": 5})
    assert (x.shape, y.shape) == ((3,), (5, 10))
    with pytest.raises(VmprofError, match=r"say how large n#2 is with dimensions=") as caught:
        make_inputs(parameters, {"x": np.zeros(3, "float32")})
    assert caught.value.command_line.endswith("--dim n#2=N")


def test_symbols_known_by_name_alone_do_not_refuse_what_tvm_may_take() -> None:
    parameters = [tensor("float32", "n", by_name=True), tensor("float32", "n", 4, name="y",
                                                               by_name=True)]  # fmt: skip
    arrays = {"x": np.zeros(3, "float32"), "y": np.zeros((5, 4), "float32")}
    assert [value.shape for value in make_inputs(parameters, arrays)] == [(3,), (5, 4)]
    with pytest.raises(VmprofError, match=r"input 'y' is float32\[5, 3\]"):
        make_inputs(parameters, {**arrays, "y": np.zeros((5, 3), "float32")})


# ---- weights -----------------------------------------------------------------------

WEIGHTS = [
    tensor("float32", 1, 8),
    tensor("float32", 16, 8, name="fc_weight", is_weight=True),
    tensor("float32", 16, name="p_fc_bias", is_weight=True),
    tensor("float32", 16, name="norm.weight", is_weight=True),
]


def test_weights_are_made_up_in_scale() -> None:
    resolved = resolve_inputs(WEIGHTS, [np.ones((1, 8), "float32")])
    _, weight, bias, norm = (value.numpy() for value in resolved.arguments)
    assert weight.std() == pytest.approx(8**-0.5, rel=0.3)
    assert (bias == 0).all()
    assert (norm == 1).all()
    assert resolved.made_up == (
        "1 weight: normal, over the square root of what adds up; 1 weight: 0; 1 weight: 1"
    )


def test_weights_from_files(tmp_path: Path) -> None:
    arrays = {"fc.weight": np.ones((16, 8), "float32"), "fc.bias": np.full(16, 2, "float32")}
    np.savez(tmp_path / "w.npz", **arrays, unused=np.zeros(1))
    files = [tmp_path / "w.npz"]
    try:
        from safetensors.numpy import save_file
    except ImportError:
        with pytest.raises(VmprofError, match=r"'safetensors'; run: .*tvm-vmprof\[safetensors\]"):
            load_weights(_touched(tmp_path / "w.safetensors"))
    else:
        half = {"half": np.arange(3).astype("bfloat16"), "e4": np.ones(2, "float8_e4m3fn")}
        save_file({**arrays, **half}, tmp_path / "w.safetensors")
        files.append(tmp_path / "w.safetensors")
        loaded = load_weights(tmp_path / "w.safetensors")
        assert {name: loaded[name].dtype.name for name in half} == {
            "half": "bfloat16",
            "e4": "float8_e4m3fn",
        }
    for file in files:
        values = resolve_inputs(WEIGHTS, weights=load_weights(file)).arguments
        assert (values[1].numpy() == 1).all()
        assert (values[2].numpy() == 2).all()


def _touched(path: Path) -> Path:
    path.touch()
    return path


def test_weights_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"hello")
    np.save(tmp_path / "w.npy", np.zeros(1))
    for name, message in [
        ("none.npz", "there is no file .*none.npz to read weights from"),
        ("w.npz", "w.npz cannot be read"),
        ("w.npy", "w.npy holds no weights by name; give a .safetensors or .npz file"),
    ]:
        with pytest.raises(VmprofError, match=message):
            load_weights(tmp_path / name)
    with pytest.raises(
        VmprofError, match=r"none of the weights \(a, \.\.\.\) is a parameter; .*fc"
    ):
        resolve_inputs(WEIGHTS, weights={"a": np.zeros(1)})
    with pytest.raises(VmprofError, match=r"input 'fc_weight' is float32\[1\]; expected"):
        resolve_inputs(WEIGHTS, weights={"fc.weight": np.zeros(1, "float32")})
