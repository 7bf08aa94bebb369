"""vmprof validate, on models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.models import calls_packed, compile_relax, program

from vmprof import Report
from vmprof.cli.main import main
from vmprof.compare.parts import plain
from vmprof.compare.validate import compare_engines
from vmprof.compare.validate.conclusion import Validation
from vmprof.compare.validate.text import parts_of
from vmprof.drivers.options import Profiling
from vmprof.drivers.validate import validate
from vmprof.record.options import Counting
from vmprof.record.rounds.options import Rounds
from vmprof.report.render.json import parse
from vmprof.subject.options import Subject
from vmprof.values import Duration, Samples

FOUR = np.array([1, -2, 3.5, 0], "float32")
TIME = "Duration (us)"


def validation_of(source: Any, arguments: list[Any], repeats: int) -> Validation:
    profiling = Profiling(Counting("none"), Rounds(repeats))
    return validate(Subject(source, arguments), profiling)


def validation_of_what(does: Callable[[Any, Any], None], name: str) -> Validation:
    """Of a model that calls a packed function, which ``does`` something with input and output."""
    tvm_ffi.register_global_func(name, does, override=True)
    return validation_of(compile_relax(calls_packed(name)), [FOUR], repeats=1)


def test_the_engines_agree_on_a_model_of_every_kind_of_call() -> None:
    for name, arguments in [("nested", [FOUR]), ("recursive", [np.array([3], "float32")])]:
        validation = validation_of(program(name), arguments, repeats=2)
        assert validation.reproducible
        assert validation.other_output is None
        assert validation.agreement.other_call is None
        assert validation.agreement.calls == len(validation.reports["tvm"].calls) > 0
        assert list(validation.reports) == ["vmprof", "tvm"]


def test_outputs_that_tvm_itself_does_not_give_twice_are_not_compared() -> None:
    calls: list[None] = []

    def count(x: Any, out: Any) -> None:
        calls.append(None)
        np.from_dlpack(out)[:] = len(calls)

    validation = validation_of_what(count, "vmprof.test.count")
    assert not validation.reproducible
    assert validation.agrees is None
    assert "two runs of TVM's own VM differ" in plain(parts_of(validation, "count"))


def test_other_outputs_are_found() -> None:
    calls: list[None] = []

    def third_is_wrong(x: Any, out: Any) -> None:
        # TVM's VM unprofiled twice, then vmprof's.
        calls.append(None)
        np.from_dlpack(out)[:] = 1 if len(calls) != 3 else [1, 1, 2, 1]

    validation = validation_of_what(third_is_wrong, "vmprof.test.third_is_wrong")
    assert validation.reproducible
    assert validation.agrees is False
    assert validation.other_output == (
        "of TVM's VM and of the engine vmprof: output, float32[4]: 1 of 4 elements differ, "
        "the first at 2"
    )


def slower(report: Report, name: str, factor: float) -> Report:
    calls = []
    for call in report.calls:
        samples, time = call[f"{TIME} samples"], call[TIME]
        assert isinstance(samples, Samples)
        assert isinstance(time, Duration)
        more = Samples(tuple(factor * value + 1000 for value in samples.values))
        longer = {TIME: Duration(factor * time.microseconds + 1000), f"{TIME} samples": more}
        calls.append({**call, **longer} if call["Name"] == name else call)
    return Report(tuple(calls), report.device_metrics, report.configuration)


def test_a_slower_operator_is_named() -> None:
    validation = validation_of(program("nested"), [FOUR], repeats=12)
    reports = dict(validation.reports)
    # Of the same report: what else differs between engines is of this moment.
    reports["tvm"] = slower(reports["vmprof"], "multiply", 2)
    agreement = compare_engines(reports, 5.0)
    assert [operator.name for operator, _, _ in agreement.differing()] == ["multiply"]
    changed = Validation(reports, agreement, None, reproducible=True)
    assert changed.agrees is False
    text = plain(parts_of(changed, "nested"))
    assert text.startswith("nested: the engines disagree\n")
    assert "multiply: Duration (us) +" in text


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "validation.json"
    code = main(
        [
            *("validate", "mlp", "--repeats", "8", "--counters", "none"),
            *("--tolerance", "1000%", "--json", str(path)),
        ]
    )
    assert code == 0
    output = capsys.readouterr().out
    assert output.startswith("mlp: the engines agree\n")
    assert "identical, bit for bit: vmprof, tvm, and TVM's VM unprofiled" in output
    assert "Mann-Whitney U test" in output
    document = json.loads(path.read_text())
    assert document["agrees"] is True
    report = parse(json.dumps(document["reports"]["tvm"]))
    assert document["calls"] == {"number": len(report.calls), "difference": None}
    assert report.configuration["Engine"] == "tvm"
    names = {operator["name"] for operator in document["operators"]}
    assert names == {str(call["Name"]) for call in report.calls}


def test_a_file_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "there.json"
    path.write_text("mine")
    assert main(["validate", "mlp", "--json", str(path)]) == 1
    assert path.read_text() == "mine"
    assert "--force overwrites it" in capsys.readouterr().err


def test_too_few_repeats_are_an_exit_code_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "validation.json"
    arguments = ("--repeats", "1", "--counters", "none", "--json", str(path))
    assert main(["validate", "mlp", *arguments]) == 4
    output = capsys.readouterr().out
    assert output.startswith("mlp: cannot tell whether the engines agree\n")
    assert "1 repeats are too few for" in output
    document = json.loads(path.read_text())
    assert document["agrees"] is None
    assert document["tested"] == 0


def test_disagreement_is_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "vmprof.test.fifth_is_wrong"
    calls: list[None] = []

    def fifth_is_wrong(x: Any, out: Any) -> None:
        # Before either engine's output there is one of TVM's VM, and another first of all.
        calls.append(None)
        np.from_dlpack(out)[:] = int(len(calls) == 5)

    tvm_ffi.register_global_func(name, fifth_is_wrong, override=True)
    library = tmp_path / "model.so"
    tvm.compile(calls_packed(name), "llvm").export_library(library)
    assert main(["validate", str(library), "--repeats", "1", "--counters", "none"]) == 3
    output = capsys.readouterr().out
    assert f"{library}: the engines disagree\n" in output
    assert "of TVM's VM and of the engine tvm: output, float32[4]: 4 of 4 elements" in output
