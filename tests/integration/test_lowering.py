"""The CPU schedule against TVM's own lowering: the same module, the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.runtime.vm import VirtualMachine

import vmprof
from vmprof.zoo.lowering.batch_norm import FoldBatchNorm
from vmprof.zoo.lowering.host import host_target, vector_lanes
from vmprof.zoo.lowering.layout import block_of
from vmprof.zoo.lowering.parallel_convs import CombineParallelConvs
from vmprof.zoo.lowering.pipeline import cpu_pipeline
from vmprof.zoo.models import MODELS
from vmprof.zoo.models.network import Network, Var

Layers = Callable[[Network, Var], Var]


def outputs_of(module: tvm.IRModule, schedule: str) -> np.ndarray[Any, Any]:
    run = VirtualMachine(vmprof.compile(module, schedule=schedule).jit(), tvm.cpu())
    shape = [int(size) for size in module["main"].params[0].ty.shape]
    data = np.random.default_rng(1).standard_normal(shape).astype("float32")
    result: np.ndarray[Any, Any] = run["main"](tvm.runtime.tensor(data)).numpy()
    return result


def assert_equal_outputs(module: tvm.IRModule) -> None:
    ours, theirs = outputs_of(module, "cpu"), outputs_of(module, "none")
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert theirs.std() > 0


def network(shape: tuple[int, ...], layers: Layers) -> tvm.IRModule:
    net = Network("x", shape)
    return net.build(lambda x: layers(net, x))


def calls(module: tvm.IRModule) -> list[str]:
    """The operators that ``main`` calls, in order."""
    return [
        str(binding.value.op.name).removeprefix("relax.")
        for block in module["main"].body.blocks
        for binding in block.bindings
        if isinstance(binding.value, relax.Call)
    ]


# ---- whole chains ---------------------------------------------------------------


@settings(max_examples=12)
@given(
    channels=st.sampled_from([(3, 16), (16, 32), (5, 7), (48, 10), (24, 100)]),
    size=st.sampled_from([(7, 7), (9, 13), (23, 37)]),
    kernel=st.sampled_from([1, 3, (1, 5), (5, 1)]),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
)
def test_convolutions_of_any_size(
    channels: tuple[int, int], size: tuple[int, int], kernel: Any, stride: int, padding: int
) -> None:
    inputs, outputs = channels

    def layers(net: Network, x: Var) -> Var:
        x = net.conv2d(x, outputs, kernel, stride=stride, padding=padding, bias=True)
        return net.batch_norm(net.relu(x))

    assert_equal_outputs(network((1, inputs, *size), layers))


@pytest.mark.parametrize(
    "layers",
    [
        lambda net, x: net.conv2d(x, 24, 3, groups=24, padding=1, stride=2),
        lambda net, x: net.conv2d_transpose(x, 20, 4, stride=2, padding=1),
        lambda net, x: net.conv2d_transpose(x, 3, 2, stride=2, padding=0),
        lambda net, x: net.conv2d_transpose(x, 8, 3, stride=2, padding=1),  # as TVM does it
        lambda net, x: net.conv2d(x, 48, 3, groups=3, padding=1),  # as TVM does it
        lambda net, x: net.tanh(net.max_pool(net.conv2d(x, 40, 1), 3, stride=2, padding=1)),
        lambda net, x: net.avg_pool(net.conv2d(x, 16, 1), 3, stride=1, padding=1),
        lambda net, x: net.global_avg_pool(net.conv2d(x, 16, 1)),
        lambda net, x: net.softmax(net.dense(net.flatten(net.conv2d(x, 16, 1)), 77)),
        lambda net, x: net.concatenate([x, net.conv2d(x, 16, 1), net.conv2d(x, 4, 1)]),
        lambda net, x: net.add(net.conv2d(x, 24, 1), x),
        lambda net, x: net.batch_norm(net.concatenate([net.conv2d(x, 8, 1), x])),
    ],
)
def test_layers(layers: Layers) -> None:
    assert_equal_outputs(network((1, 24, 11, 11), layers))


def test_a_tensor_that_is_used_in_and_out_of_blocks() -> None:
    def layers(net: Network, x: Var) -> Var:
        y = net.conv2d(x, 32, 3, padding=1)
        flat = net.softmax(net.flatten(y))
        return net.add(net.flatten(net.conv2d(net.relu(y), 32, 1)), flat)

    assert_equal_outputs(network((1, 16, 6, 6), layers))


def test_dynamic_shapes_are_left_to_tvm() -> None:
    n = tvm.tirx.Var("n", "int64")
    x = relax.Var("x", relax.TensorType((n, 8, 9, 9), "float32"))
    weight = relax.const(np.ones((16, 8, 3, 3), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        with builder.dataflow():
            y = builder.emit(relax.op.nn.relu(relax.op.nn.conv2d(x, weight)))
            y = builder.emit_output(relax.op.mean(y, axis=[2, 3]))
        builder.emit_func_output(y)
    data = tvm.runtime.tensor(np.ones((2, 8, 9, 9), "float32"))
    compiled = vmprof.compile(builder.get(), schedule="cpu")
    result = VirtualMachine(compiled.jit(), tvm.cpu())["main"](data)
    assert result.numpy() == pytest.approx(np.full((2, 16), 72.0))


# ---- passes ---------------------------------------------------------------------


def test_batch_norm_goes_into_the_convolution_before_it() -> None:
    module = FoldBatchNorm()(network((1, 4, 5, 5), lambda n, x: n.batch_norm(n.conv2d(x, 8, 3))))
    assert calls(module) == ["nn.conv2d", "add"]


def test_batch_norm_goes_into_the_convolutions_behind_it() -> None:
    def layers(net: Network, x: Var) -> Var:
        y = net.relu(net.batch_norm(net.max_pool(x, 2, stride=2)))
        return net.add(net.conv2d(y, 8, 1), net.conv2d(y, 8, 3, padding=1))

    module = FoldBatchNorm()(network((1, 4, 8, 8), layers))
    assert calls(module) == ["nn.max_pool2d", "add", "nn.relu", "nn.conv2d", "nn.conv2d", "add"]


def test_batch_norm_that_fits_nowhere_is_a_product_and_a_sum() -> None:
    """Its input is used elsewhere; nor is what it gives used by convolutions alone."""

    def layers(net: Network, x: Var) -> Var:
        y = net.conv2d(x, 4, 1)
        return net.add(net.relu(net.batch_norm(y)), y)

    module = FoldBatchNorm()(network((1, 4, 5, 5), layers))
    assert calls(module) == ["nn.conv2d", "multiply", "add", "nn.relu", "add"]


def test_three_convolutions_of_one_input_are_one() -> None:
    def branches(number: int) -> Layers:
        def layers(net: Network, x: Var) -> Var:
            widths = (16, 32, 48)[:number]
            return net.concatenate(
                [net.relu(net.conv2d(x, width, 1, bias=True)) for width in widths]
            )

        return layers

    merged = CombineParallelConvs()(network((1, 8, 6, 6), branches(3)))
    slices = ["strided_slice"] * 3
    assert calls(merged) == ["nn.conv2d", "add", "nn.relu", *slices, "concat"]
    apart = CombineParallelConvs()(network((1, 8, 6, 6), branches(2)))
    assert calls(apart).count("nn.conv2d") == 2
    assert_equal_outputs(network((1, 8, 6, 6), branches(3)))


@pytest.mark.parametrize(
    ("channels", "lanes", "block"),
    [
        *((64, 16, 16), (64, 8, 8), (3, 16, 3), (1000, 16, 8), (10, 16, 10), (176, 16, 16)),
        *((1, 16, 1), (7, 4, 1), (6, 4, 2), (24, 16, 8), (36, 16, 12)),
    ],
)
def test_blocks(channels: int, lanes: int, block: int) -> None:
    assert block_of(channels, lanes) == block
    assert channels % block == 0


def test_the_host_has_vectors() -> None:
    lanes = vector_lanes(host_target())
    assert lanes in (4, 8, 16)


def test_another_processor_can_be_compiled_for(tmp_path: Any) -> None:
    """As far as object code, which needs no linker for that processor."""
    target = tvm.target.Target({"kind": "llvm", "mtriple": "aarch64-linux-gnu"})
    compiled = vmprof.compile(
        network((1, 3, 9, 9), lambda net, x: net.conv2d(x, 8, 3)), target, schedule="cpu"
    )
    shapes = compiled.kernels["fused_nn_contrib_conv2d_NCHWc"].shapes
    assert shapes == ((1, 1, 9, 9, 3), (2, 1, 3, 3, 3, 4), (1, 2, 7, 7, 4))


def test_kernels_that_no_rule_fits_are_left_alone() -> None:
    """One with two outputs; a model that branches, whose blocks would not outlive a branch."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 300), "float32"))
    with builder.function("main", [x]):
        halves = builder.emit(relax.op.split(x, 2, axis=1))
        left, right = (builder.emit(relax.TupleGetItem(halves, i)) for i in range(2))
        builder.emit_func_output(builder.emit(relax.op.subtract(left, right)))
    assert_equal_outputs(builder.get())


def test_a_model_that_branches() -> None:
    weight = relax.const(np.ones((16, 4, 3, 3), "float32"))
    x = relax.Var("x", relax.TensorType((1, 4, 8, 8), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        y = builder.emit(relax.op.nn.conv2d(x, weight))
        positive = builder.emit(relax.op.greater(relax.op.sum(y), relax.const(0.0)))
        chosen = relax.If(
            positive,
            relax.SeqExpr([], relax.op.nn.relu(y)),
            relax.SeqExpr([], relax.op.negative(y)),
        )
        builder.emit_func_output(builder.emit(chosen))
    assert_equal_outputs(builder.get())


@pytest.mark.parametrize("name", ["mlp", "densenet", "dcgan", "squeezenet1.1", "mobilenet"])
def test_every_kernel_of_a_model_is_scheduled(name: str) -> None:
    """Reductions in tiles: with a loop in vectors and one that is unrolled."""
    target = host_target()
    lowered = cpu_pipeline(target)(MODELS[name]())
    kernels = {
        var.name_hint: function
        for var, function in lowered.functions_items()
        if isinstance(function, tvm.tirx.PrimFunc) and "fused_" in var.name_hint
    }
    alone = [n for n, f in kernels.items() if "tirx.is_scheduled" not in f.attrs]
    # Softmax has two reductions; it is one row of at most 1000 numbers.
    assert set(alone) <= {"fused_nn_fast_softmax"}
    for kernel, function in kernels.items():
        if any(word in kernel for word in ("conv2d", "dense", "pool")):
            text = function.script()
            assert "T.vectorized(" in text, kernel
            assert "_init" in text, kernel


def test_flops_of_kernels_do_not_depend_on_the_schedule() -> None:
    """Padding and tiles add none: the convolutions of both lowerings count the same."""
    module = network((1, 16, 23, 23), lambda net, x: net.conv2d(x, 32, 3, padding=1))
    counts = [
        {kernel.flops for kernel in vmprof.compile(module, schedule=schedule).kernels.values()}
        for schedule in ("cpu", "none")
    ]
    assert 2 * 32 * 23 * 23 * 16 * 9 in counts[0] & counts[1]
