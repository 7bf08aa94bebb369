"""The command line as a user meets it: a process, its output, its exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.commands import Completed, run, start
from support.models import Nested, calls_packed, dynamic

from vmprof import Report, __version__

QUICK = ("--repeats", "2")


def refused(result: Completed, message: str) -> None:
    """One line of error, nothing else."""
    assert result.returncode == 1
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "Warning: Scope" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("vmprof: error: ")
    assert re.search(message, lines[0]), lines[0]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("library") / "dynamic.so"
    tvm.compile(dynamic(), "llvm").export_library(str(path))
    return str(path)


def test_tvms_vm_tells_of_no_paths() -> None:
    result = run("run", "mlp", "--engine", "tvm", "--by", "path")
    refused(result, "--by path needs --engine vmprof")


def test_run_prints_the_table_and_writes_the_same_data(tmp_path: Path) -> None:
    files = ("--json", "r.json", "--csv", "r.csv")
    result = start("run", "mlp", *QUICK, *files, cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    report = Report.from_json((tmp_path / "r.json").read_text())
    assert result.stdout == report.heading() + report.table()
    first, second, header, *_ = result.stdout.splitlines()
    assert first == "Evaluate vm inference cost of mlp on cpu(0)"
    assert re.fullmatch(
        r"Mean vm inference time \(std dev\): \d+\.\d\d ms \(\d+\.\d\d ms\)", second
    )
    assert re.split(r"  +", header.strip())[:6] == [
        "Name",
        "Duration (us)",
        "Percent",
        "Device",
        "Count",
        "Argument Shapes",
    ]
    assert (tmp_path / "r.csv").read_text() == report.csv()
    rows = list(csv.DictReader(io.StringIO(report.csv())))
    assert {"fused_nn_contrib_dense_pack_add_nn_relu", "fused_nn_fast_softmax"} < {
        row["Name"] for row in rows
    }
    configuration = json.loads((tmp_path / "r.json").read_text())["configuration"]
    assert list(configuration["Unprofiled mean (us)"]) == ["microseconds"]
    assert list(configuration["Unprofiled std (us)"]) == ["microseconds"]


def test_run_of_a_library_with_inputs(library: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((5, 16), "float32"))
    np.savez(tmp_path / "x.npz", x=np.ones((6, 16), "float32"))
    for option, rows in (
        (("--dim", "n=4"), 4),
        (("--input", "x=x.npy"), 5),
        (("--input", "x.npz"), 6),
    ):
        result = run("run", library, *QUICK, "--counters", "none", *option, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert f"float32[{rows}, 16], float32[16, 8], float32[{rows}, 8]" in result.stdout
        assert result.stdout.startswith("Evaluate vm inference cost of dynamic.so on cpu(0)\n")


def test_by_path(tmp_path: Path) -> None:
    tvm.compile(Nested, "llvm").export_library(str(tmp_path / "nested.so"))
    options = (*QUICK, "--counters", "none")
    by_operator = run("run", "nested.so", *options, cwd=tmp_path).stdout
    assert "Call path" not in by_operator
    by_path = run("run", "nested.so", *options, "--by", "path", cwd=tmp_path).stdout
    assert re.search(r"^add +.* main > double +$", by_path, re.MULTILINE), by_path
    assert re.search(r"^multiply +.* main +$", by_path, re.MULTILINE), by_path


def test_models() -> None:
    result = run("models")
    assert result.returncode == 0
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["Model", "Parameters", "FLOPs", "Input"]
    assert len(lines) == 11
    # Without TVM, which completion does not wait for.
    assert run("models", "--names").stdout.split() == [line.split()[0] for line in lines]
    size = r"^mlp +109,386 +218,368  x: float32\[1, 1, 28, 28\]$"
    assert re.search(size, result.stdout, re.MULTILINE)


def test_metrics_and_layouts(tmp_path: Path) -> None:
    quick = (*QUICK, "--counters", "none")
    result = run("run", "mlp", "--metrics", "--no-peaks", "--json", "r.json", *quick, cwd=tmp_path)
    assert result.returncode == 0
    report = Report.from_json((tmp_path / "r.json").read_text())
    rows = {row["Name"]: row for row in report.calls}
    dense = rows["fused_nn_contrib_dense_pack_add_nn_relu"]
    assert {"Hash", "weight_layout", "FLOPs", "Bytes", "GFLOP/s", "GB/s"} <= dense.keys()
    # Which word it is depends on this machine and moment: tests/unit/test_bounds.py has numbers.
    words = {"compute", "latency", "launch", "unknown", "memory", "L1", "L2", "L3"}
    assert {row["Bound"] for row in report.calls} <= words
    assert "IPC" not in report.missing
    plain = run("run", "mlp", "--schedule", "none", *quick)
    assert "fused_matmul_add_relu" in plain.stdout
    assert "GFLOP/s" not in plain.stdout


def test_kernels_of_another_build_are_a_warning(library: str, tmp_path: Path) -> None:
    copied = tmp_path / "model.so"
    copied.write_bytes(Path(library).read_bytes())
    (tmp_path / "model.so.vmprof.json").write_text(
        '{"format": 1, "library": "of another", "kernels": {}}'
    )
    result = run("run", "model.so", "--dim", "n=2", *QUICK, cwd=tmp_path)
    assert result.returncode == 0
    assert re.search(r"^vmprof: warning: .*model\.so\.vmprof\.json is left aside", result.stderr)
    assert "matmul" in result.stdout


def test_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("mine")
    refused(run("run", "mlp", "--json", "r.json", cwd=tmp_path), r"r\.json exists; --force")
    assert (tmp_path / "r.json").read_text() == "mine"
    result = run("run", "mlp", *QUICK, "--json", "r.json", "--force", cwd=tmp_path)
    assert result.returncode == 0
    Report.from_json((tmp_path / "r.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "resnet19"), "no model 'resnet19'; there are: mlp, resnet18"),
        (("run", "none.so"), r"none\.so does not exist"),
        (("run", "text.so"), r"text\.so is no library that TVM can load"),
        (("run", "mlp", "--entry", "predict"), "mlp has no function 'predict'; it has: main"),
        (("run", "mlp", "--counters", "cycle"), "no event 'cycle'; did you mean: "),
        (
            ("run", "mlp", "--counters", "PAPI_TOT_CYC"),
            "PAPI's own .*; did you mean: cycles",
        ),
        (
            ("run", "mlp", "--max-records", "3"),
            r"buffer holds; .* --max-records N .*\)$",
        ),
        (("run", "mlp", "--json", "none/r.json"), "cannot write none/r.json: there is no folder"),
        (("run", "mlp", "--json", "r", "--csv", "r"), "given for two outputs"),
        (("run", "mlp", "--input", "x=none.npy"), r"there is no file none\.npy"),
        (
            ("run", "mlp", "--input", "x=x.npy"),
            r"'x' is float64\[3\]; expected float32\[1, 1, 28, 28\]",
        ),
        (("run", "mlp", "--dim", "n=8"), "no symbolic dimension 'n'; all are fixed"),
        (("run", "mlp", "--repeats", "0"), "repeats is 0"),
        (("show-code", "resnet19"), "no model 'resnet19'"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("hello")
    np.save(tmp_path / "x.npy", np.ones(3))
    refused(run(*arguments, cwd=tmp_path), message)


def test_a_dimension_that_is_not_named(library: str) -> None:
    refused(run("run", library), r"float32\[n, 16\]: say how large n is with --dim n=N")


def test_wrong_usage_is_exit_code_2() -> None:
    for arguments in ((), ("walk",), ("run",), ("run", "mlp", "--dim", "n")):
        result = run(*arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("vmprof: error: ")
        assert result.stderr.count("\n") == 1


def test_a_kernel_that_raises(tmp_path: Path) -> None:
    """One line: its own words, the instruction, the shapes; exit code 1, no output file."""
    tvm.compile(calls_packed("vmprof.test.raises"), "llvm").export_library(
        str(tmp_path / "model.so")
    )

    def fail(x: object, out: object) -> None:
        raise ValueError("the kernel has its own words")

    tvm_ffi.register_global_func("vmprof.test.raises", fail, override=True)
    result = run("run", "model.so", "--json", "r.json", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "Warning: Scope" not in line]
    (line,) = lines
    assert re.fullmatch(
        r"vmprof: error: ValueError: the kernel has its own words "
        r"\(in 'main', instruction \d+: call vmprof\.test\.raises in: .*; "
        r"argument shapes: float32\[4\], float32\[4\]\)",
        line,
    )
    assert not (tmp_path / "r.json").exists()


def test_show_code() -> None:
    result = run("show-code", "mlp")
    assert result.returncode == 0
    assert result.stdout.startswith("main(x: float32[1, 1, 28, 28])\n\n@main:\n  call  vm.builtin.")
    assert re.search(r"^c\[\d+\]: float32\[\d+, 784, \d+\]$", result.stdout, re.MULTILINE)


def test_help_and_version() -> None:
    assert start("--version").stdout == f"vmprof {__version__}\n"
    overview = run("--help")
    assert overview.returncode == 0
    assert "Profile a model and print what each operator costs." in overview.stdout
    assert "Inputs are made up" in run("run", "--help").stdout


def test_a_reader_that_leaves_early() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vmprof", "show-code", "mlp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_progress_is_for_terminals_alone(tmp_path: Path) -> None:
    def on_terminal(*arguments: str) -> str:
        controller, terminal = pty.openpty()
        with os.fdopen(terminal, "wb") as stream:
            subprocess.run(
                [sys.executable, "-m", "vmprof", "run", "mlp", *QUICK, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=stream,
                check=True,
                env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            )
            stream.write(b"end")
        shown = b""
        with os.fdopen(controller, "rb", buffering=0) as stream, suppress(OSError):
            while chunk := stream.read(10_000):  # at the end: EIO
                shown += chunk
        return shown.decode()

    shown = on_terminal()
    assert "\rcompiling mlp ..." in shown
    assert f"mlp, step 2 of 3: pass 1 of 84 [{' ' * 20}] ..." in shown
    assert f"measuring, round 2 of 2 [{'#' * 10}{' ' * 10}]" in shown
    # The line is empty again at the end.
    assert shown.endswith("\rend")
    assert on_terminal("--quiet") == "end"


def test_a_model_runs_without_a_c_compiler(tmp_path: Path) -> None:
    """It is compiled in memory then, and not kept."""
    environment = {key: value for key, value in os.environ.items() if key not in ("CC", "CXX")}
    environment |= {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    result = start("run", "mlp", *QUICK, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert "fused_nn_contrib_dense_pack_add" in result.stdout
    assert list(tmp_path.iterdir()) == []
