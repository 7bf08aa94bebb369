"""Models of other frameworks, from their files to a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm

import vmprof
from vmprof import VirtualMachine, VmprofError, load_program
from vmprof.inputs import describe
from vmprof.zoo import importers


@pytest.fixture
def onnx_model(tmp_path: Path) -> str:
    """relu(x @ w) of x [n, 16], n symbolic."""
    pytest.importorskip("onnx", reason="reads .onnx files; pip install onnx")
    import onnx
    from onnx import helper, numpy_helper

    weight = np.random.default_rng(0).standard_normal((16, 8)).astype("float32")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Relu", ["y"], ["z"]),
        ],
        "small",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 16])],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return str(path)


@pytest.mark.parametrize("schedule", ["none", "cpu"])
def test_onnx_with_a_symbolic_dimension(onnx_model: str, schedule: str) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="computes anew; pip install onnxruntime")
    program = load_program(onnx_model, schedule=schedule)
    data = np.random.default_rng(1).standard_normal((5, 16)).astype("float32")
    ours = VirtualMachine(program, tvm.cpu())["main"](tvm.runtime.tensor(data)).numpy()
    session = runtime.InferenceSession(onnx_model, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": data})
    assert np.abs(ours - expected).max() <= 1e-5
    report = vmprof.profile(onnx_model, counters="none", repeats=1, dimensions={"n": 3})
    assert any("[3, 16]" in str(row["Argument Shapes"]) for row in report.calls)
    assert any("Hash" in row for row in report.calls)


@pytest.mark.parametrize("schedule", ["none", "cpu"])
def test_an_exported_program(tmp_path: Path, schedule: str) -> None:
    torch = pytest.importorskip("torch", reason="reads .pt2 files; pip install torch")
    torch.manual_seed(0)
    model: Any = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 4 * 4, 10),
    ).eval()
    data = torch.randn(1, 3, 8, 8)
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(model, (data,)), path)
    program = load_program(path, schedule=schedule)
    assert program.name == "model.pt2"
    result = VirtualMachine(program, tvm.cpu())["main"](tvm.runtime.tensor(data.numpy()))
    assert np.abs(result.numpy() - model(data).detach().numpy()).max() <= 1e-4
    assert any("conv2d" in name for name in program.kernels)


@pytest.mark.parametrize(("suffix", "package"), [(".onnx", "onnx"), (".pt2", "torch")])
def test_without_the_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    monkeypatch.setattr(importers, "find_spec", lambda name: None)
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"")
    with pytest.raises(VmprofError, match=rf"'{package}'; run: .* 'tvm-vmprof\[{package}\]'"):
        load_program(path)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="reads .onnx files; pip install onnx")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"hello")
    with pytest.raises(VmprofError, match=r"model\.onnx cannot be imported: "):
        load_program(path)


def test_a_schedule_is_not_for_what_is_compiled(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(b"")
    with pytest.raises(VmprofError, match=r"model\.so is compiled already; a schedule is for"):
        load_program(path, schedule="cpu")


# ---- what goes wrong, and odd names --------------------------------------------------


def onnx_graph(nodes: list[Any], inputs: dict[str, list[Any]]) -> Any:
    """A model of ``nodes``, from ``inputs`` by their shapes, all float32, to y."""
    onnx = pytest.importorskip("onnx", reason="makes .onnx files; pip install onnx")
    from onnx import helper

    def value(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, "graph", [value(*each) for each in inputs.items()], [value("y", [None])]
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def node(*operator: Any) -> Any:
    onnx = pytest.importorskip("onnx", reason="makes .onnx files; pip install onnx")
    return onnx.helper.make_node(*operator)


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        ("FooBar", "operators are not supported for frontend ONNX: FooBar"),
        ("MatMul", r"operator MatMul, with inputs: \[x, w\]: Matmul requires the reduction"),
    ],
)
def test_operators_that_fail(
    tmp_path: Path, operator: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    onnx = pytest.importorskip("onnx", reason="writes .onnx files; pip install onnx")
    model = onnx_graph([node(operator, ["x", "w"], ["y"])], {"x": [2, 3], "w": [4, 5]})
    onnx.save(model, str(tmp_path / "model.onnx"))
    for source, what in [(tmp_path / "model.onnx", r"model\.onnx"), (model, "the ONNX model")]:
        with pytest.raises(VmprofError, match=f"{what} cannot be imported: .*{message}") as caught:
            load_program(source)
        assert "\n" not in str(caught.value)
        assert caught.value.command_line.endswith("(--debug shows all that is said of it)")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (["batch-size", "2*n"], "float32[batch_size, _2_n]"),
        (["?", "?"], "float32[x_0, x_1]"),
        ([None, None], "float32[x_0, x_1]"),
        (["n", "2*n"], "float32[n, 2 * n]"),
        (["a.b", "a-b"], "float32[a_b, a_b_]"),
        ([3, "n"], "float32[3, n]"),
    ],
)
def test_names_of_dimensions(shape: list[Any], expected: str) -> None:
    program = load_program(onnx_graph([node("Relu", ["x"], ["y"])], {"x": shape}))
    (parameter,) = program.parameters("main")
    assert describe(parameter.type) == expected


def test_dimensions_without_a_name_are_not_one() -> None:
    model = onnx_graph(
        [node("ReduceSum", ["x"], ["a"]), node("ReduceSum", ["z"], ["b"]),
         node("Add", ["a", "b"], ["y"])], {"x": [None, 4], "z": [None, 4]}
    )  # fmt: skip
    report = vmprof.profile(model, counters="none", repeats=1, dimensions={"x_0": 2, "z_0": 5})
    shapes = " ".join(str(row["Argument Shapes"]) for row in report.calls)
    assert "float32[2, 4]" in shapes
    assert "float32[5, 4]" in shapes
