"""The reference models: each against its plain variant, TVM's VM, and the reference's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tvm
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine, compile, load_program  # noqa: A004
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.zoo.models import MODELS
from vmprof.zoo.models.summary import summarize

# Those whose plain variant takes more than a few seconds to compile and run once.
SLOW = ("resnet50", "vgg11", "vgg16", "inception_v3", "densenet")
EACH = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in MODELS]


def inputs_of(program: Program) -> list[Any]:
    return make_inputs(parameters_of(program.bytecode, program.entry("main")))


@pytest.mark.parametrize("name", EACH)
def test_a_model_equals_its_plain_variant_and_runs_as_in_tvms_vm(name: str) -> None:
    program = load_program(name)
    inputs = inputs_of(program)
    ours = VirtualMachine(program, tvm.cpu())["main"](*inputs).numpy()
    in_tvm = TvmVirtualMachine(program.module, tvm.cpu())["main"](*inputs).numpy()
    assert ours.tobytes() == in_tvm.tobytes()
    # Folding builds a kernel for each constant; without it they are computed in the run.
    with tvm.transform.PassContext(opt_level=3, disabled_pass=["FoldConstant"]):
        plain = compile(MODELS[name](), schedule="none").jit()
    expected = TvmVirtualMachine(plain, tvm.cpu())["main"](*inputs).numpy()
    assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()
    # Of a result that hardly depends on the input this would say little.
    other = make_inputs(parameters_of(program.bytecode, program.entry("main")), seed=1)
    elsewhere = VirtualMachine(program, tvm.cpu())["main"](*other).numpy()
    assert np.abs(elsewhere - ours).max() > 1e-3 * np.abs(ours).max()


@pytest.mark.parametrize("name", EACH)
def test_a_model_equals_pytorchs_computation(name: str) -> None:
    pytest.importorskip("torch", reason="computes the models anew; pip install torch")
    from support.torch_reference import run

    program = load_program(name)
    inputs = inputs_of(program)
    ours = VirtualMachine(program, tvm.cpu())["main"](*inputs).numpy()
    expected = run(MODELS[name](), inputs[0].numpy())
    assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()


def kernels_called(name: str) -> Iterator[str]:
    program = load_program(name)
    for _, instruction in program.bytecode.body(program.entry("main")):
        callee = getattr(instruction, "callee", None)
        if callee is not None and callee.name in program.kernels:
            yield from program.kernels[callee.name].operators


# How often the reference's tables have each operator in one run (rows times count).
REFERENCE = {
    "mlp": {"nn_contrib_dense_pack": 3, "fast_softmax": 1},
    "resnet18": {"nn.conv2d": 21, "nn.max_pool2d": 1, "nn_contrib_dense_pack": 1},
    "squeezenet1.1": {"nn.conv2d": 26, "nn.max_pool2d": 3, "concat": 8},
    "mobilenet": {"nn.conv2d": 27, "nn_contrib_dense_pack": 1},
    "dcgan": {"nn.conv2d_transpose": 4, "nn_contrib_dense_pack": 1},
}


@pytest.mark.parametrize("name", REFERENCE)
def test_operators_are_those_of_the_reference(name: str) -> None:
    found = Counter(kernels_called(name))
    assert {operator: found[operator] for operator in REFERENCE[name]} == REFERENCE[name]


@pytest.mark.parametrize(
    ("name", "parameters"),
    # As published, of the networks whose variants are: torchvision's for VGG.
    [("mlp", 109_386), ("vgg11", 132_863_336), ("vgg16", 138_357_544)],
)
def test_parameters(name: str, parameters: int) -> None:
    assert summarize(name).parameters == parameters


def test_flops_of_the_perceptron() -> None:
    assert summarize("mlp").flops == 2 * (784 * 128 + 128 * 64 + 64 * 10)
