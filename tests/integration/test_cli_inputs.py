"""The options that say what to run and on what, and what is said when that does not go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tvm
from support.models import calls_packed, dynamic
from tvm import relax

import vmprof
from vmprof.cli.main import main
from vmprof.program.info import info_path

QUICK = ("--quiet", "--repeats", "1", "--counters", "none")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(library: str, *options: str) -> int:
    return main(["run", library, *QUICK, *options])


def test_functions_that_a_package_registers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tvm.compile(calls_packed("test_cli_inputs.kernel"), "llvm").export_library("model.so")
    assert run("model.so") == 1
    line = (
        "vmprof: error: model.so calls 'test_cli_inputs.kernel', which is neither in its library "
        "nor registered with TVM; import the package that registers it with --import PACKAGE\n"
    )
    assert capsys.readouterr() == ("", line)
    (folder / "test_cli_inputs_kernels.py").write_text(
        "import tvm_ffi\n"
        "@tvm_ffi.register_global_func('test_cli_inputs.kernel')\n"
        "def kernel(x, y):\n"
        "    y.copyfrom(x.numpy())\n"
    )
    assert run("model.so", "--import", "test_cli_inputs_kernels") == 0
    assert "test_cli_inputs.kernel" in capsys.readouterr().out
    (folder / "test_cli_inputs_broken.py").write_text("raise RuntimeError('no\\nway')")
    for package, reason in [
        ("test_cli_inputs_none", "ModuleNotFoundError: No module named 'test_cli_inputs_none'"),
        ("test_cli_inputs_broken", "RuntimeError: no"),
    ]:
        assert run("model.so", "--import", package) == 1
        line = f"vmprof: error: --import {package}: it cannot be imported: {reason}\n"
        assert capsys.readouterr() == ("", line)


@pytest.mark.usefixtures("folder")
def test_values_and_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    tvm.compile(dynamic(), "llvm").export_library("model.so")
    assert run("model.so") == 1
    assert capsys.readouterr().err.endswith("say how large n is with --dim n=N\n")
    assert run("model.so", "--dim", "n=3", "--input", "x=-1..1") == 0
    assert "Made-up inputs: x: -1 to 1\n" in capsys.readouterr().out
    np.save("x.npy", np.ones((4, 16), ">f4"))
    assert run("model.so", "--input", "x=x.npy") == 0
    out = capsys.readouterr().out
    assert "float32[4, 16]" in out
    assert "Made-up inputs" not in out
    for value, message in [
        (
            "x=many",
            "there is no file many, nor is it zeros, ones, random, a number, or LEAST..MOST",
        ),
        ("x=2,8", r"input 'x' is '2,8'; expected float32[n, 16], or zeros, ones, random"),
    ]:
        assert run("model.so", "--input", value) == 1
        assert message in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_weights(capsys: pytest.CaptureFixture[str]) -> None:
    x = relax.Var("x", relax.TensorType((1, 16), "float32"))
    w = relax.Var("fc_weight", relax.TensorType((4, 16), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x, w], attrs={"num_input": 1}):
        builder.emit_func_output(builder.emit(relax.op.linear(x, w)))
    vmprof.compile(builder.get()).export_library("model.so")
    np.savez("weights.npz", **{"fc.weight": np.ones((4, 16), "float32")})
    assert run("model.so", "--params", "weights.npz") == 0
    assert "Made-up inputs: x: normal\n" in capsys.readouterr().out
    assert main(["show-code", "model.so"]) == 0
    assert "main(x: float32[1, 16], fc_weight: float32[4, 16])\n" in capsys.readouterr().out
    info_path("model.so").unlink()
    assert run("model.so", "--params", "weights.npz") == 0
    capsys.readouterr()
    assert run("model.so") == 1
    assert capsys.readouterr().err.endswith(
        "give it from Python: vmprof.profile(model, {'fc_weight': ...})\n"
    )


@pytest.mark.filterwarnings("always")
@pytest.mark.usefixtures("folder")
def test_info_made_to_harm_is_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = vmprof.compile(dynamic())
    compiled.export_library("model.so")
    path = info_path("model.so")
    document = json.loads(path.read_text())
    for kernel in document["kernels"].values():
        kernel["layouts"] = {"Duration (us)": "0"}
    path.write_text(json.dumps(document))
    assert run("model.so", "--dim", "n=2", "--metrics", "--no-peaks") == 0
    out, err = capsys.readouterr()
    assert err == (
        "vmprof: warning: model.so.vmprof.json is left aside: it cannot be read (there is no "
        "layout 'Duration (us)'); compile the model again to have its columns\n"
    )
    assert "FLOPs: nothing is known of the kernels of model.so but their names" in out


@pytest.mark.usefixtures("folder")
def test_what_tvm_says_is_for_debug(capfd: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx", reason="writes .onnx files; pip install onnx")
    from onnx import helper

    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in {"x": [2, 3], "w": [4, 5], "y": [2, 5]}.items()
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "graph", values[:2], values[2:]
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), "model.onnx")
    assert run("model.onnx") == 1
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    command = [sys.executable, "-m", "vmprof", "run", "model.onnx", "--debug"]
    debugged = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "vmprof: while importing:\nError converting operator MatMul" in debugged.stderr
    assert "BlockBuilder destroyed" in debugged.stderr
    assert "Traceback" in debugged.stderr
