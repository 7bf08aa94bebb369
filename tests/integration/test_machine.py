"""The machine against TVM's own VM: the same program, the same inputs, the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from hypothesis import given, settings
from hypothesis import strategies as st
from support.models import Closures, Nested, calls_packed, compile_relax, program
from tvm import relax
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VmprofError, load_program
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.vm import Interpreter, Site

FOUR = np.array([1, -2, 3.5, 0], "float32")


def both(program: Program, *arguments: Any) -> tuple[Any, Any]:
    """What our machine and TVM's return."""
    arguments = tuple(tvm.runtime.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments)
    ours = Interpreter(program)["main"](*arguments)
    theirs = TvmVirtualMachine(program.module, tvm.cpu())["main"](*arguments)
    return ours, theirs


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to the bit."""
    ours, theirs = ours.numpy(), theirs.numpy()
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("branching", (np.array(True), FOUR)),
        ("branching", (np.array(False), FOUR)),
        ("nested", (FOUR,)),
        ("recursive", (np.array([3], "float32"),)),
        ("recursive", (np.array([300], "float32"),)),
        ("function-as-value", (FOUR, tvm.runtime.ShapeTuple([3]))),
        ("dynamic", (np.ones((1, 16), "float32"),)),
        ("dynamic", (np.linspace(-1, 1, 7 * 16, dtype="float32").reshape(7, 16),)),
        ("dynamic", (np.ones((0, 16), "float32"),)),
    ],
)
def test_small_programs(name: str, arguments: tuple[Any, ...]) -> None:
    assert_same(*both(program(name), *arguments))


def test_branches_take_different_ways() -> None:
    run = Interpreter(program("branching"))["main"]
    assert run(np.array(True), FOUR).numpy().tolist() == [2, -4, 7, 0]
    assert run(np.array(False), FOUR).numpy().tolist() == [1, 4, 12.25, 0]


def test_mlp() -> None:
    mlp = load_program("mlp")
    for seed in range(3):
        parameters = parameters_of(mlp.bytecode, mlp.entry("main"))
        assert_same(*both(mlp, *make_inputs(parameters, seed=seed)))


def test_resnet18() -> None:
    resnet = load_program("resnet18")
    parameters = parameters_of(resnet.bytecode, resnet.entry("main"))
    ours, theirs = both(resnet, *make_inputs(parameters))
    assert_same(ours, theirs)
    # A distribution over 1000 classes that the input decides.
    assert ours.shape == (1, 1000)
    assert ours.numpy().sum() == pytest.approx(1, abs=1e-5)
    assert ours.numpy().std() > 1e-5


UNARY = ["relu", "sigmoid", "exp", "abs", "negative"]
BINARY = ["add", "multiply", "maximum", "subtract"]


@settings(max_examples=15)
@given(st.data())
def test_any_graph_of_operators(data: st.DataObject) -> None:
    """Drawn graphs over tensors of a dynamic first dimension, with results used anywhere later."""
    n = tvm.tirx.Var("n", "int64")
    inputs = [relax.Var(name, relax.TensorType((n, 3), "float32")) for name in ("x", "y")]
    builder = relax.BlockBuilder()
    with builder.function("main", inputs):
        with builder.dataflow():
            values = list(inputs)
            for _ in range(data.draw(st.integers(1, 6))):
                value = st.sampled_from(values)
                name = data.draw(st.sampled_from(UNARY + BINARY))
                operator = getattr(relax.op.nn if name == "relu" else relax.op, name)
                operands = [data.draw(value) for _ in range(1 if name in UNARY else 2)]
                values.append(builder.emit(operator(*operands)))
            output = builder.emit_output(values[-1])
        builder.emit_func_output(output)
    drawn = Program.of_module(compile_relax(builder.get()), "drawn")
    rows = data.draw(st.integers(0, 5))
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    arrays = [generator.standard_normal((rows, 3)).astype("float32") for _ in inputs]
    assert_same(*both(drawn, *arrays))


# ---- sites ---------------------------------------------------------------------


def test_each_place_of_a_call_is_a_site() -> None:
    seen: list[Site] = []

    def wrap(site: Site, kernel: Any) -> Any:
        seen.append(site)
        return kernel

    machine = Interpreter(program("nested"), wrap=wrap)
    assert list(machine.sites) == seen
    assert [site.number for site in seen] == list(range(len(seen)))
    assert {site.function for site in seen} == {"main", "double"}
    assert sum(site.callee == "add" for site in seen) == 1
    code = machine.program.bytecode.instructions
    assert all(code[site.instruction].callee.name == site.callee for site in seen)  # type: ignore[union-attr]


def test_a_kernel_that_is_an_operand_is_a_site_of_its_own_name() -> None:
    calls: list[str] = []

    def wrap(site: Site, kernel: Any) -> Any:
        def called(*arguments: Any) -> Any:
            calls.append(site.callee)
            return kernel(*arguments)

        return tvm_ffi.convert(called)

    run = Interpreter(program("function-as-value"), wrap=wrap)["main"]
    result = run(FOUR, tvm.runtime.ShapeTuple([3]))
    assert result.numpy().tolist() == (FOUR * 3).tolist()
    assert calls.count("scale") == 1
    assert "vm.builtin.call_tir_dyn" not in calls


# ---- errors --------------------------------------------------------------------


def test_an_error_keeps_its_own_words_and_says_where() -> None:
    name = "vmprof.test.fails"

    def fail(x: Any, out: Any) -> None:
        raise ValueError("the kernel's own words")

    tvm_ffi.register_global_func(name, fail, override=True)
    failing = Program.of_module(compile_relax(calls_packed(name)), "failing")
    with pytest.raises(ValueError, match="the kernel's own words") as caught:
        Interpreter(failing)["main"](FOUR)
    where, shapes = caught.value.__notes__
    assert where.startswith("in 'main', instruction ")
    assert f"call {name} in: " in where
    assert shapes == "argument shapes: float32[4], float32[4]"


def test_an_error_in_a_nested_function_names_each_call() -> None:
    nested = program("nested")
    with pytest.raises(Exception, match=r"shape|ndim|expect") as caught:
        Interpreter(nested)["main"](np.ones(5, "float32"))
    assert "in 'main', instruction " in caught.value.__notes__[0]


def test_a_wrong_number_of_arguments() -> None:
    machine = Interpreter(program("branching"))
    with pytest.raises(VmprofError, match=r"'main' takes 2 arguments \(c, x\), 1 were given"):
        machine["main"](FOUR)


def test_an_unknown_function() -> None:
    machine = Interpreter(program("nested"))
    with pytest.raises(VmprofError, match="nested has no function 'add'; it has: double, main"):
        machine["add"]


def test_a_packed_function_that_nobody_registered() -> None:
    unknown = Program.of_module(compile_relax(calls_packed("vmprof.test.nobody")), "unknown")
    with pytest.raises(VmprofError, match=r"calls 'vmprof\.test\.nobody', which is neither"):
        Interpreter(unknown)


def test_closures_and_native_functions_run() -> None:
    closures = Program.of_module(compile_relax(Closures), "closures")
    assert_same(*both(closures, FOUR))
    compiled = Program.of_module(relax.build(Nested, "llvm", exec_mode="compiled").jit(), "nested")
    assert_same(*both(compiled, FOUR))
