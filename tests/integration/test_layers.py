"""Layers of a model, from its graph to the rows of a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import models
from tvm import relax

import vmprof
from vmprof.program import Program
from vmprof.recording import saved
from vmprof.recording.reports import reports
from vmprof.report import Report
from vmprof.report.layers import by_layer, layers_of
from vmprof.values import LAYER, Count
from vmprof.zoo.layers import NamingBuilder


def graph(build: Callable[[NamingBuilder, Any], Any], *shape: int) -> tvm.IRModule:
    """The module that computes ``build(builder, x)`` of a float32 tensor."""
    builder = NamingBuilder()
    x = relax.Var("x", relax.TensorType(shape, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(build(builder, x))
        builder.emit_func_output(output)
    return builder.get()


def weight(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape)
    return relax.const(values.astype("float32"))


def two_alike(builder: NamingBuilder, x: Any) -> Any:
    """Two products of one kernel, whose only difference is their weights; then what has no name."""
    for name in ("first", "second"):
        with builder.part(name):
            with builder.part("dense"):
                product = relax.op.matmul(x, weight(8, 8, seed=len(name)))
                y = builder.emit(relax.op.add(product, weight(8)))
            with builder.part("relu"):
                x = builder.emit(relax.op.add(relax.op.nn.relu(y), x))
    return relax.op.nn.softmax(x)


def profiled(source: Any, **options: Any) -> Report:
    return vmprof.profile(source, counters="none", repeats=1, **options)


def layers_in(report: Report) -> list[str]:
    return [str(row[LAYER]) for row in report.calls if LAYER in row]


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
@pytest.mark.parametrize("schedule", ["none", "cpu"])
def test_calls_of_one_kernel_are_of_different_layers(schedule: str, engine: str) -> None:
    report = profiled(graph(two_alike, 4, 8), schedule=schedule, engine=engine)
    cells = ["first.dense + first.relu", "second.dense + second.relu"]
    assert layers_in(report) == cells
    named = [row for row in report.calls if LAYER in row]
    assert len({row["Name"] for row in named}) == 1
    # A row of both names both.
    (merged,) = (line for line in report.table().splitlines() if cells[0] in line)
    assert " + ".join(cells) in merged
    rows = {str(row["Name"]): row["Count"] for row in by_layer(report, 1).calls}
    assert rows["first"] == rows["second"] == Count(1)
    assert "(no layer)" in rows


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_rows_of_a_recording_have_those_of_all_their_calls(engine: str) -> None:
    executable = vmprof.compile(graph(two_alike, 4, 8))
    with vmprof.Session("none", engine=engine) as session:
        vm = session.attach(relax.VirtualMachine(executable, tvm.cpu()))
        for _ in range(4):
            vm["main"](tvm.runtime.tensor(np.zeros((4, 8), "float32")))
    (report,) = reports(saved.loads(saved.dumps(session.recording()), "x")).values()
    assert layers_in(report) == [
        "first.dense + first.relu + second.dense + second.relu",
    ]


def test_beside_tvms_compile_and_through_a_file(tmp_path: Path) -> None:
    """By TVM's own pipeline, which fuses nothing."""
    info = vmprof.KernelInfo()
    with tvm.transform.PassContext(instruments=[info]):
        executable = tvm.compile(graph(two_alike, 4, 8), tvm.target.Target("llvm"))
    executable.export_library(str(tmp_path / "model.so"))
    info.save(tmp_path / "model.so")
    report = profiled(tmp_path / "model.so")
    expected = [*["first.dense"] * 2, *["first.relu"] * 2]
    assert layers_in(report) == [*expected, *(each.replace("first", "second") for each in expected)]


def test_lines_of_a_script_are_layers() -> None:
    source = Path(models.__file__).read_text().splitlines()
    places = [layer.split(":") for layer in layers_in(profiled(models.Nested))]
    assert {file for file, _ in places} == {"models.py"}
    lines = [source[int(line) - 1].strip() for _, line in places]
    assert lines == [*["return R.add(x, x)"] * 2, "return R.multiply(z, y)"]


def test_branches_and_functions() -> None:
    """Every function has calls of its own; the tvm engine does not guess which were made."""
    builder = NamingBuilder()
    x = relax.Var("x", relax.TensorType((4,), "float32"))
    with builder.function("part", [x]):
        with builder.part("inside"):
            result = builder.emit(relax.op.exp(x))
        builder.emit_func_output(result)
    y = relax.Var("y", relax.TensorType((4,), "float32"))
    part = builder.get().get_global_var("part")
    with builder.function("main", [y]):
        with builder.part("before"):
            z = builder.emit(relax.op.exp(y))
        z = builder.emit(relax.Call(part, [z]))
        with builder.part("behind"):
            z = builder.emit(relax.op.exp(z))
        builder.emit_func_output(z)
    module = builder.get()
    assert layers_in(profiled(module)) == ["before", "inside", "behind"]
    assert layers_in(profiled(module, engine="tvm")) == []


@pytest.mark.parametrize("schedule", ["none", "cpu"])
def test_a_convolution_with_its_normalisation(schedule: str) -> None:
    """A pass replaces both: TVM's, or vmprof's."""

    def build(builder: NamingBuilder, x: Any) -> Any:
        with builder.part("conv"):
            x = builder.emit(relax.op.nn.conv2d(x, weight(16, 16, 3, 3), padding=1))
        with builder.part("norm"):
            statistics = [weight(16, seed=1), weight(16), weight(16), relax.const(np.ones(16, "f"))]
            x = relax.op.nn.batch_norm(x, *statistics, axis=1, training=False)
            x = builder.emit(relax.TupleGetItem(builder.emit(x), 0))
        with builder.part("relu"):
            return builder.emit(relax.op.nn.relu(x))

    report = profiled(graph(build, 1, 16, 8, 8), schedule=schedule)
    assert "conv + norm + relu" in layers_in(report)


def test_parallel_convolutions_become_one() -> None:
    def build(builder: NamingBuilder, x: Any) -> Any:
        branches = []
        for name in "abc":
            with builder.part(name):
                product = builder.emit(relax.op.nn.conv2d(x, weight(16, 16, 1, 1)))
                branches.append(builder.emit(relax.op.nn.relu(product)))
        return relax.op.concat(branches, axis=1)

    assert "a + b + c" in layers_in(profiled(graph(build, 1, 16, 8, 8), schedule="cpu"))


OPERATORS = {
    "add": relax.op.add,
    "multiply": relax.op.multiply,
    "exp": lambda x, _: relax.op.exp(x),
    "nn.softmax": lambda x, _: relax.op.nn.softmax(x),
    "matmul": relax.op.matmul,
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*OPERATORS]), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_kernel_has_the_layers_whose_operators_it_fuses(
    steps: list[tuple[str, int, int]],
) -> None:
    def build(builder: NamingBuilder, x: Any) -> Any:
        values = [x]
        for number, (name, left, right) in enumerate(steps):
            operands = [values[index % len(values)] for index in (left, right)]
            with builder.part(f"{number}/{name}"):
                values.append(builder.emit(OPERATORS[name](*operands)))
        # All are needed.
        return relax.Tuple(values[1:])

    info = vmprof.compile(graph(build, 4, 4)).info
    seen = []
    for call in info.calls["main"]:
        layers = layers_of(call.layers)
        operators = [layer.partition("/")[2] for layer in layers]
        assert sorted(operators) == sorted(info.kernels[call.kernel].operators)
        seen += layers
    assert sorted(seen) == sorted(f"{number}/{name}" for number, (name, *_) in enumerate(steps))


# ---- models of other frameworks --------------------------------------------------------


def test_onnx_nodes(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="makes .onnx files; pip install onnx")
    from onnx import helper, numpy_helper

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 16])

    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["t0"], name="/layer.0/query/MatMul"),
        helper.make_node("MatMul", ["t0", "b"], ["t1"], name="/layer.0/key/MatMul"),
        helper.make_node("Gelu", ["t1"], ["t2"], name="/layer.0/act/Gelu"),
        helper.make_node("Gemm", ["t2", "a"], ["t3"], name="/head/Gemm", transB=1),
        helper.make_node("Softmax", ["t3"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.full((16, 16), n, "float32"), name)
        for n, name in enumerate("ab", start=1)
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "graph", [value("x")], [value("y")], weights),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
    )
    onnx.save(model, str(tmp_path / "model.onnx"))
    report = profiled(tmp_path / "model.onnx", dimensions={"n": 2})
    assert layers_in(report) == [
        "/layer.0/query/MatMul",
        "/layer.0/key/MatMul + /layer.0/act/Gelu",
        "/head/Gemm",
        "y",  # without a name: what it gives
    ]
    assert [row["Name"] for row in by_layer(report, 2).calls if LAYER not in row].count(
        "/layer.0"
    ) == 2


def test_modules_of_an_exported_program(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="reads .pt2 files; pip install torch")

    class Block(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(16, 16)
            self.outer = torch.nn.Linear(16, 16)

        def forward(self, x: Any) -> Any:
            return x + self.outer(torch.relu(self.inner(x)))

    class Model(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([Block(), Block()])
            self.head = torch.nn.Linear(16, 4)

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return torch.softmax(self.head(x), -1)

    exported = torch.export.export(Model().eval(), (torch.randn(4, 16),))
    torch.export.save(exported, tmp_path / "model.pt2")
    expected = [
        "blocks.0.inner + blocks.0",
        "blocks.0.outer + blocks.0",
        "blocks.1.inner + blocks.1",
        "blocks.1.outer + blocks.1",
        "head",
        "_softmax",
    ]
    for schedule in ("none", "cpu"):
        report = profiled(tmp_path / "model.pt2", schedule=schedule)
        assert layers_in(report) == expected
        merged = {row["Name"] for row in by_layer(report, 2).calls}
        assert {"blocks.0", "blocks.1", "head"} <= merged


def test_models_of_vmprof() -> None:
    report = profiled("mlp")
    assert layers_in(report) == ["dense1 + relu1", "dense2 + relu2", "dense3", "softmax1"]


def test_native_code_does_not_tell(tmp_path: Path) -> None:
    compiled = vmprof.compile(graph(two_alike, 4, 8), exec_mode="compiled")
    assert Program.of_module(compiled.jit(), "native", compiled.info).layers == {}
    assert layers_in(profiled(compiled)) == []
