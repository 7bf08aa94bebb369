"""Kernel info of executables in sessions: of what vmprof.compile made, wherever it comes from."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import tvm
from support.models import Nested
from support.scripts import record, run
from support.sessions import TvmVm, compiled, tensor

import vmprof
from vmprof.recording.costs import UNKNOWN
from vmprof.recording.reports import reports
from vmprof.report.model import Report
from vmprof.values import BYTES, FLOPS

PROGRAM = """\
import sys
import numpy as np
import tvm
vm = tvm.relax.VirtualMachine(tvm.runtime.load_module("model.so"), tvm.cpu())
for _ in range(3):
    vm["main"](tvm.runtime.tensor(np.arange(4, dtype="float32")))
"""


@cache
def nested() -> Any:
    return vmprof.compile(Nested)


def costs(report: Report) -> dict[str, tuple[Any, Any]]:
    return {str(row["Name"]): (row.get(FLOPS), row.get(BYTES)) for row in report.calls}


@cache
def expected() -> dict[str, tuple[Any, Any]]:
    """By operator, as ``vmprof run --metrics`` has them."""
    report = vmprof.profile(
        nested(),
        {"x": tensor()},
        counters="none",
        repeats=1,
        warmup=0,
        metrics=True,
        measure_peaks=False,
    )
    assert FLOPS in report.device_metrics["cpu0"]
    sums: dict[str, list[Any]] = {}
    for row in report.calls:
        sums.setdefault(str(row["Name"]), []).append((row.get(FLOPS), row.get(BYTES)))
    return {name: _sum(each) for name, each in sums.items()}


def _sum(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    def added(values: list[Any]) -> Any:
        if None in values:
            return None
        return type(values[0])(sum(value.value for value in values))

    return added([flops for flops, _ in pairs]), added([size for _, size in pairs])


@pytest.mark.parametrize("vm", [TvmVm, vmprof.VirtualMachine])
@pytest.mark.parametrize("of", ["executable", "library"])
def test_costs_are_those_of_a_run(vm: Any, of: str, tmp_path: Path) -> None:
    source = nested()
    with vmprof.Session("none") as session:
        if of == "library":
            nested().export_library(tmp_path / "model.so")
            source = tvm.runtime.load_module(str(tmp_path / "model.so"))
        attached = session.attach(vm(source, tvm.cpu()))
        attached["main"](tensor())
    (report,) = reports(session.recording(), metrics=True).values()
    assert costs(report) == expected()
    assert "GFLOP/s" in session.report(metrics=True)
    assert "GFLOP/s" not in session.report()
    assert not hasattr(tvm.runtime.load_module, "__wrapped__")


def test_of_others_it_says_what_is_unknown() -> None:
    with vmprof.Session("none") as session:
        session.attach(TvmVm(compiled("nested"), tvm.cpu()))["main"](tensor())
        known = session.attach(TvmVm(nested(), tvm.cpu()))
        known["main"](tensor())
    unknown, told = reports(session.recording(), metrics=True).values()
    if unknown.configuration["Model"] != "main, VM 1":
        unknown, told = told, unknown
    assert unknown.missing[FLOPS] == unknown.missing[BYTES] == UNKNOWN
    assert costs(told) == expected()


@pytest.mark.parametrize("action", ["error", "default"])
def test_a_damaged_file_beside_a_library_does_not_hinder_the_program(
    action: Literal["error", "default"], tmp_path: Path
) -> None:
    nested().export_library(tmp_path / "model.so")
    (tmp_path / "model.so.vmprof.json").write_text("{}")
    with vmprof.Session("none") as session, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter(action)
        library = tvm.runtime.load_module(str(tmp_path / "model.so"))
        session.attach(TvmVm(library, tvm.cpu()))["main"](tensor())
    assert [each.category for each in told] == [vmprof.VmprofWarning] * (action == "default")
    (report,) = reports(session.recording(), metrics=True).values()
    assert report.missing[FLOPS] == UNKNOWN


def test_recorded_and_shown_alike(tmp_path: Path) -> None:
    nested().export_library(tmp_path / "model.so")
    (tmp_path / "program.py").write_text(PROGRAM)
    how = ("--counters", "none", "--metrics", "--no-peaks")
    files = ("--save", "run.vmprof", "--json", "run.json")
    done = record(*how, *files, "program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GFLOP/s" in done.stderr
    shown = run("-m", "vmprof", "show", "run.vmprof", "--metrics", cwd=tmp_path)
    assert shown.stdout == done.stderr
    plain = run("-m", "vmprof", "show", "run.vmprof", cwd=tmp_path)
    assert "GFLOP/s" not in plain.stdout
    assert costs(Report.from_json((tmp_path / "run.json").read_text())) == expected()
    refused = run("-m", "vmprof", "show", "run.json", "--metrics", cwd=tmp_path)
    assert refused.stderr == (
        "vmprof: error: --metrics is of one file that vmprof record saved; run.json is none\n"
    )
