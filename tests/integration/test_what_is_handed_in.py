"""Dimensions by their place, weights, and all that people hand to profile() and compile()."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
from support.models import EveryParameter, calls_packed, dynamic
from tvm import relax
from tvm.relax.frontend import nn
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

import vmprof
from vmprof import Program, VmprofError, load_program
from vmprof.inputs import describe
from vmprof.program.info import info_path

QUICK: dict[str, Any] = {"counters": "none", "repeats": 1}


def two_dimensions(first: str, second: str) -> tvm.IRModule:
    """Joins x [a, 4], y [b, 4] and z [a * 2 + b, 4], whose symbols are called as is given."""
    a, b = tvm.tirx.Var(first, "int64"), tvm.tirx.Var(second, "int64")
    shapes = {"x": (a, 4), "y": (b, 4), "z": (a * 2 + b, 4)}
    parameters = [relax.Var(n, relax.TensorType(s, "float32")) for n, s in shapes.items()]
    builder = relax.BlockBuilder()
    with builder.function("main", parameters):
        builder.emit_func_output(builder.emit(relax.op.concat(parameters, axis=0)))
    return builder.get()


@pytest.mark.parametrize(
    ("names", "symbols"),
    [
        (("n", "n"), ("n", "n#2")),
        (("?", "?"), ("_", "_#2")),
        (("", ""), ("v", "v#2")),
        (("batch-size", "2*n"), ("batch_size", "_2_n")),
        (("n", "m"), ("n", "m")),
    ],
)
@pytest.mark.parametrize("mode", ["bytecode", "compiled"])
def test_dimensions_are_known_by_their_place(
    names: tuple[str, str], symbols: tuple[str, str], mode: str
) -> None:
    a, b = symbols
    executable = relax.build(two_dimensions(*names), "llvm", exec_mode=mode)
    program = load_program(executable)
    types = {p.name: describe(p.type) for p in program.parameters("main")}
    given = {"x": np.ones((2, 4), "float32"), "y": np.ones((5, 4), "float32")}
    if mode == "bytecode":
        assert types == {
            "x": f"float32[{a}, 4]", "y": f"float32[{b}, 4]", "z": f"float32[{a} * 2 + {b}, 4]"
        }  # fmt: skip
        report = vmprof.profile(program, dimensions={a: 2, b: 5}, **QUICK)
        assert any("[2, 4], float32[5, 4], float32[9, 4]" in str(row["Argument Shapes"])
                   for row in report.calls)  # fmt: skip
        vmprof.profile(program, given, **QUICK)
    vmprof.profile(program, {**given, "z": np.ones((9, 4), "float32")}, **QUICK)
    with pytest.raises(VmprofError, match=r"input 'x' is float32\[2, 3\]"):
        vmprof.profile(program, {**given, "x": np.ones((2, 3), "float32")}, **QUICK)


def test_parameters_of_native_code() -> None:
    """They are those of bytecode: error contexts are all that is left of the checks."""
    types = [
        {
            p.name: describe(p.type)
            for p in load_program(relax.build(EveryParameter, "llvm", exec_mode=mode)).parameters(
                "main"
            )
        }
        for mode in ("bytecode", "compiled")
    ]
    assert types[0] == types[1]


# ---- weights -----------------------------------------------------------------------


class Embedded(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(3, 8)
        self.layer = nn.Linear(8, 4)

    def forward(self, ids: nn.Tensor) -> nn.Tensor:
        return self.layer(self.embedding(ids))


@pytest.fixture(scope="module")
def embedded() -> tvm.IRModule:
    module, _ = Embedded().export_tvm({"forward": {"ids": nn.spec.Tensor([2], "int32")}})
    return module


@pytest.mark.parametrize("mode", ["bytecode", "compiled"])
def test_a_module_whose_weights_are_parameters(
    tmp_path: Path, embedded: tvm.IRModule, mode: str
) -> None:
    compiled = vmprof.compile(embedded, exec_mode=mode)
    library = tmp_path / "model.so"
    compiled.export_library(library)
    # The file says of each weight what it is, where the bytecode does not.
    program = load_program(library)
    assert [(p.name, p.is_weight) for p in program.parameters("forward")] == [
        ("ids", False),
        ("embedding.weight", True),
        ("layer.weight", True),
        ("layer.bias", True),
    ]
    report = vmprof.profile(library, [1, 2], entry="forward", **QUICK)
    assert report.configuration["Made-up inputs"] == (
        "2 weights: normal, over the square root of what adds up; 1 weight: 0"
    )
    weights = {
        "embedding.weight": np.arange(24, dtype="float32").reshape(3, 8),
        "layer.weight": np.ones((4, 8), "float32"),
        "layer.bias": np.ones(4, "float32"),
    }
    np.savez(tmp_path / "weights.npz", **weights)
    for params in (weights, tmp_path / "weights.npz"):
        report = vmprof.profile(library, ids=[1, 2], params=params, entry="forward", **QUICK)
        assert "Made-up inputs" not in report.configuration
    info_path(library).unlink()
    with pytest.raises(VmprofError, match=r"if it is a weight, compile with vmprof\.compile"):
        vmprof.profile(library, entry="forward", **QUICK)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of itself
def test_weights_that_pytorch_brings() -> None:
    torch = pytest.importorskip("torch", reason="gives exported programs; pip install torch")
    from tvm.relax.frontend.torch import from_exported_program

    model = torch.nn.Sequential(torch.nn.Embedding(3, 4), torch.nn.Linear(4, 2)).eval()
    exported = torch.export.export(model, (torch.tensor([0, 1]),))
    attached = from_exported_program(exported, keep_params_as_input=True)
    for source in (exported, attached, vmprof.compile(exported)):
        report = vmprof.profile(source, torch.tensor([2, 1]), **QUICK)
        assert "Made-up inputs" not in report.configuration
    with pytest.raises(VmprofError, match=r"no program yet; hand in torch\.export\.export\(model"):
        vmprof.profile(model)


# ---- guesses -----------------------------------------------------------------------


def test_what_compile_gives_is_an_executable_of_tvm(tmp_path: Path) -> None:
    compiled = vmprof.compile(dynamic())
    assert isinstance(compiled, tvm.runtime.Executable)
    data = tvm.runtime.tensor(np.ones((2, 16), "float32"))
    expected = TvmVirtualMachine(compiled, tvm.cpu())["main"](data).numpy()
    assert (vmprof.VirtualMachine(compiled, tvm.cpu())["main"](data).numpy() == expected).all()
    assert compiled.mod.kind == "relax.VMExecutable"
    compiled.export_library(tmp_path / "model.so")
    assert load_program(tmp_path / "model.so").kernels == compiled.kernels != {}


def test_virtual_machines_and_modules_are_told_from_programs() -> None:
    executable = tvm.compile(dynamic(), "llvm")
    for machine in (
        TvmVirtualMachine(executable, tvm.cpu()),
        TvmVirtualMachine(executable, tvm.cpu()).module,
        vmprof.VirtualMachine(executable, tvm.cpu()),
    ):
        with pytest.raises(VmprofError, match="a virtual machine does not tell what it runs; hand"):
            vmprof.profile(machine)
    with pytest.raises(VmprofError, match=r"hand in the IRModule that model\.export_tvm\(spec\)"):
        vmprof.profile(Embedded())
    with pytest.raises(VmprofError, match="cannot compile a str; hand in a Relax IRModule, an"):
        vmprof.compile("model.onnx")


def test_counters_as_a_list_and_inputs_as_keywords() -> None:
    report = vmprof.profile(
        dynamic(), x=np.ones((2, 16), "float32"), counters=["task-clock", "page-faults"], repeats=1
    )
    assert report.configuration["Counters, pass 1"].startswith(
        "perf::TASK-CLOCK, perf::PAGE-FAULTS"
    )
    with pytest.raises(VmprofError, match=r"no parameter 'repeat'; expected x: float32\[n, 16\]"):
        vmprof.profile(dynamic(), repeat=3)
    with pytest.raises(VmprofError, match="xs: give inputs in order or by name; or is it an opt"):
        vmprof.profile(dynamic(), [np.ones((2, 16), "float32")], xs=1)


def test_why_there_are_no_operations() -> None:
    executable = tvm.compile(dynamic(), "llvm")
    report = vmprof.profile(
        executable, dimensions={"n": 2}, metrics=True, measure_peaks=False, **QUICK
    )
    assert "compile it with vmprof.compile, or with vmprof.KernelInfo" in report.missing["FLOPs"]
    known = vmprof.profile(
        dynamic(), dimensions={"n": 2}, metrics=True, measure_peaks=False, **QUICK
    )
    assert "FLOPs" not in known.missing


def test_functions_that_nobody_registered() -> None:
    program = Program.of_module(tvm.compile(calls_packed("my.kernel"), "llvm").jit(), "model.so")
    problem = "model.so calls 'my.kernel', which is neither in its library nor registered with TVM;"
    with pytest.raises(VmprofError, match=f"{problem} import the package") as caught:
        vmprof.profile(program, **QUICK)
    assert caught.value.command_line.endswith("with --import PACKAGE")


@pytest.mark.parametrize(
    ("shape", "build", "message"),
    [
        ({"ndim": 2, "dtype": "float32"}, relax.op.nn.softmax, r"R\.nn\.softmax\(x, axis=-1\)"),
        (
            {"shape": (4,), "dtype": "float4_e2m1fn"},
            lambda x: relax.op.astype(x, "float32"),
            r"in or after its pass tirx",
        ),
    ],
)
def test_what_tvm_cannot_compile(
    shape: dict[str, Any], build: Any, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    x = relax.Var("x", relax.TensorType(**shape))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(build(x)))
    with pytest.raises(VmprofError, match=f"TVM cannot compile the module: .*{message}") as caught:
        vmprof.compile(builder.get())
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_libraries_are_found_with_their_info_after_a_move(tmp_path: Path) -> None:
    compiled = vmprof.compile(dynamic())
    compiled.export_library(tmp_path / "a.so")
    shutil.move(tmp_path / "a.so", tmp_path / "b.so")
    shutil.move(info_path(tmp_path / "a.so"), info_path(tmp_path / "b.so"))
    assert load_program(tmp_path / "b.so").info == compiled.info
