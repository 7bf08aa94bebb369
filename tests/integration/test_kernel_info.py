"""KernelInfo: what it notes of a compilation, against TVM's own estimate and known shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import tvm
from support.models import dynamic
from tvm import relax, s_tir, te, tirx, topi
from tvm.script import tirx as T

import vmprof
from vmprof.program.dimensions import evaluate
from vmprof.values import Count
from vmprof.zoo.compiler.cost import operations
from vmprof.zoo.compiler.traffic import tensor_bytes
from vmprof.zoo.models import MODELS


def kernel(*tensors: te.Tensor) -> tirx.PrimFunc:
    return te.create_prim_func(list(tensors), "int64")


def placeholder(*shape: int) -> te.Tensor:
    return te.placeholder(shape, "float32", name=f"x{len(shape)}")


def convolution() -> tirx.PrimFunc:
    x, w = placeholder(1, 8, 14, 14), te.placeholder((16, 8, 3, 3), "float32", name="w")
    return kernel(x, w, topi.nn.relu(topi.nn.conv2d_nchw(x, w, 1, 1, 1)))


def product() -> tirx.PrimFunc:
    x, w = placeholder(3, 50), te.placeholder((50, 7), "float32", name="w")
    b = te.placeholder((7,), "float32", name="b")
    return kernel(x, w, b, topi.add(topi.matmul(x, w), b))


@pytest.mark.parametrize("make", [convolution, product])
def test_operations_as_tvm_estimates_them(make: object) -> None:
    function = make()  # type: ignore[operator]
    estimate = s_tir.analysis.estimate_tir_flops(tvm.IRModule({"main": function}))
    assert operations(function) == pytest.approx(estimate, rel=1e-9)


def test_operations_by_hand() -> None:
    outputs = 16 * 14 * 14
    # A product and an addition for each of 8 * 3 * 3 taps, and the maximum of ReLU.
    assert operations(convolution()) == outputs * (2 * 8 * 3 * 3 + 1)
    assert tensor_bytes(convolution()) == (4 * (8 * 14 * 14 + 16 * 8 * 3 * 3), 4 * outputs)


def test_bytes_are_of_what_is_touched() -> None:
    """Of a table the rows that are looked up, of a slice the slice; of what is reused, all."""
    table, rows = placeholder(5000, 64), te.placeholder((8,), "int32", name="rows")
    gathered = kernel(table, rows, topi.take(table, rows, axis=0))
    assert tensor_bytes(gathered) == (4 * (8 * 64) + 4 * 8, 4 * 8 * 64)
    many = te.placeholder((64,), "int32", name="many")
    few = kernel(rows, many, topi.take(rows, many, axis=0))
    assert tensor_bytes(few)[0] == 4 * (8 + 64)  # looked up more often than it has elements
    sliced = kernel(table, topi.strided_slice(table, [2, 0], [6, 64], [1, 1]))
    assert tensor_bytes(sliced) == (4 * 4 * 64, 4 * 4 * 64)
    squared = kernel(table, te.compute((4, 64), lambda i, j: table[i, j] * table[i, j]))
    assert tensor_bytes(squared)[0] == 4 * 4 * 64
    broadcast = kernel(table, te.compute((100, 64), lambda i, j: table[3, j] + i))
    assert tensor_bytes(broadcast)[0] == 4 * 64
    n = te.var("n", "int64")
    symbolic = te.placeholder((n, 64), "float32", name="x")
    read, _ = tensor_bytes(kernel(symbolic, te.compute((4, 64), lambda i, j: symbolic[i, j])))
    assert [evaluate(read, {"n": size}) for size in (2, 4, 4000)] == [4 * 64 * s for s in (2, 4, 4)]


@pytest.mark.parametrize("address_of", [True, False])
def test_what_code_may_do_unseen_is_all_of_the_tensor(address_of: bool) -> None:
    @T.prim_func(s_tir=True, check_well_formed=False)
    def unseen(a: T.Buffer((50,), "float32"), b: T.Buffer((4,), "float32")) -> None:
        b[0] = a[0]
        T.evaluate(T.call_extern("int32", "f", T.address_of(a[1]), 1))

    @T.prim_func(s_tir=True, check_well_formed=False)
    def endless(a: T.Buffer((50,), "float32"), b: T.Buffer((4,), "float32")) -> None:
        while b[0] < T.float32(1):
            b[0] = a[T.Cast("int32", b[1])]

    function = unseen if address_of else endless
    assert tensor_bytes(function) == (4 * 50, 4 * 4)


def test_the_rows_of_an_embedding_are_its_bytes() -> None:
    x = relax.Var("x", relax.TensorType((5000, 64), "float32"))
    rows = relax.Var("rows", relax.TensorType((8,), "int32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x, rows]):
        builder.emit_func_output(builder.emit(relax.op.take(x, rows, axis=0)))
    compiled = vmprof.compile(builder.get())
    report = vmprof.profile(compiled, counters="none", repeats=1, metrics=True, measure_peaks=False)
    (take,) = [row for row in report.calls if "take" in str(row["Name"])]
    assert take["Bytes"] == Count(2 * 4 * 8 * 64 + 4 * 8)


def test_instrument_on_any_compilation(tmp_path: Path) -> None:
    """Saved beside the library, found again, evaluated for the shapes of each call."""
    info = vmprof.KernelInfo()
    with tvm.transform.PassContext(instruments=[info]):
        executable = tvm.compile(dynamic(), "llvm")
    assert info.kernels["matmul"].operators == ("matmul",)
    assert info.kernels["relu"].operators == ("nn.relu",)
    library = tmp_path / "model.so"
    executable.export_library(str(library))
    info.save(library)
    report = vmprof.profile(
        library, counters="none", repeats=1, metrics=True, measure_peaks=False, dimensions={"n": 5}
    )
    rows = {row["Name"]: row for row in report.calls}
    assert rows["matmul"]["FLOPs"] == Count(2 * 5 * 16 * 8)
    assert rows["relu"]["Bytes"] == Count(2 * 4 * 5 * 8)
    assert rows["matmul"]["Hash"] == info.kernels["matmul"].hash


def test_fused_kernels_name_their_operators_and_layouts() -> None:
    compiled = vmprof.compile(MODELS["mobilenet"](), schedule="cpu")
    depthwise = compiled.kernels["fused_nn_contrib_depthwise_conv2d_NCHWc_add_nn_relu"]
    assert depthwise.operators == ("nn.conv2d", "add", "nn.relu")
    lanes = depthwise.shapes[0][-1]
    assert depthwise.layouts == {
        "data_layout": f"NCHW{lanes}c",
        "kernel_layout": f"OIHW1i{lanes}o",
        "out_layout": f"NCHW{lanes}c",
    }
    assert compiled.kernels["fused_layout_transform"].layouts == {
        "src_layout": "NCHW",
        "dst_layout": "NCHW3c",
    }
    assert compiled.kernels["fused_nn_global_avg_pool2d"].layouts == {"layout": f"NCHW{lanes}c"}
    dense = compiled.kernels["fused_nn_contrib_dense_pack_add"]
    assert dense.operators == ("nn_contrib_dense_pack", "add")
    assert dense.layouts == {"weight_layout": "NC8n"}


def test_hashes_are_those_of_what_is_computed() -> None:
    """The same for the same, whatever it is called; another for other shapes."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 4), "float32"))
    y = relax.Var("y", relax.TensorType((5, 4), "float32"))
    with builder.function("main", [x, y]):
        a, b = builder.emit(relax.op.sqrt(x)), builder.emit(relax.op.sqrt(y))
        builder.emit_func_output(relax.Tuple([a, b]))
    first = vmprof.compile(builder.get()).kernels
    again = vmprof.compile(builder.get(), schedule="cpu").kernels
    assert sorted(k.hash for k in first.values()) == sorted(k.hash for k in again.values())
    assert len({k.hash for k in first.values()}) == 2


def test_a_schedule_that_is_not_there() -> None:
    with pytest.raises(vmprof.VmprofError, match="no schedule 'gpu'; there are: cpu, none"):
        vmprof.compile(dynamic(), schedule="gpu")


def test_the_pass_context_of_the_caller_holds() -> None:
    outer = vmprof.KernelInfo()
    with tvm.transform.PassContext(opt_level=1, instruments=[outer]):
        inner = vmprof.compile(dynamic()).kernels
    assert outer.kernels == inner
    assert inner
