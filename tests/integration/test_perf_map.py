"""perf beside vmprof: it names kernels that were compiled in memory by the map that is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tvm
from tvm import relax

import vmprof
from vmprof.record.perf_map import NAME

PROGRAM = """\
import os, sys
import numpy as np, tvm
from tvm import relax

builder = relax.BlockBuilder()
x = relax.Var("x", relax.TensorType((192, 192), "float32"))
with builder.function("main", [x]):
    with builder.dataflow():
        product = builder.emit(relax.op.matmul(x, x))
        result = builder.emit_output(relax.op.nn.softmax(product))
    builder.emit_func_output(result)
vm = relax.VirtualMachine(tvm.compile(builder.get(), tvm.target.Target("llvm")), tvm.cpu())
x = tvm.runtime.tensor(np.ones((192, 192), "float32"))
for _ in range(60):
    vm["main"](x)
"""


def perf_permits(folder: Path) -> bool:
    if shutil.which("perf") is None:
        return False
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-o", str(folder / "try"), "--", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_perf_report_names_kernels_in_memory(tmp_path: Path) -> None:
    if not perf_permits(tmp_path):
        pytest.skip("perf is not installed, or not permitted")
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [
        *("perf", "record", "-q", "-F", "2000", "-e", "cpu-clock:u", "-o", "perf.data", "--"),
        *(sys.executable, "-m", "vmprof", "record", "--counters", "none", "--perf-map"),
        "program.py",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    told = re.search(rf"{NAME}: (/tmp/perf-\d+\.map) names \d+ functions", done.stderr)
    assert told is not None, done.stderr
    try:
        shown = subprocess.run(
            ["perf", "report", "-i", "perf.data", "--stdio", "-F", "overhead,dso,sym"],
            check=True, capture_output=True, text=True, cwd=tmp_path,
        ).stdout  # fmt: skip
    finally:
        Path(told[1]).unlink()
    # What has no file perf calls JIT.
    named = re.findall(r"^ +[\d.]+% +\[JIT\] tid \d+ +\[\.\] (\S+)", shown, re.MULTILINE)
    assert named, shown
    assert re.fullmatch(r"(__tvm_ffi_)?matmul(_compute_)?", named[0])


def test_a_profile_writes_the_map_of_what_it_runs() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((64,), "float32"))
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(relax.op.exp(x)))
    executable = tvm.compile(builder.get(), tvm.target.Target("llvm"))
    report = vmprof.profile(executable, repeats=1, perf_map=True)
    path = Path(f"/tmp/perf-{os.getpid()}.map")
    assert str(report.configuration[NAME]).startswith(f"{path} names ")
    try:
        lines = path.read_text().splitlines()
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        path.unlink()
    (line,) = [line for line in lines if line.endswith(" __tvm_ffi_tir_exp")]
    begin, size, _ = line.split()
    mapped = re.findall(r"^(\w+)-(\w+) r-xp", Path("/proc/self/maps").read_text(), re.MULTILINE)
    assert any(
        int(first, 16) <= int(begin, 16) and int(begin, 16) + int(size, 16) <= int(end, 16)
        for first, end in mapped
    )
