"""docs/how-to/coming-from-tvm.md: vmprof.compat against TVM's report, and MLC-LLM's libraries."""

from __future__ import annotations

import csv
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
from support.commands import run as vmprof_command
from support.llama import PROMPT, llama, parameters
from support.scripts import EXAMPLES, run

from vmprof import Report, VmprofError
from vmprof.compat import VirtualMachine
from vmprof.counters.names.papi import PRESETS
from vmprof.recording.groups import groups_of
from vmprof.recording.saved import load

ROOT = Path(__file__).parents[2]
PAGE, LIBRARIES = (
    (ROOT / "docs/how-to/coming-from-tvm.md").read_text(encoding="utf-8").split("\n## MLC-LLM")
)
TVM = ROOT / "tests" / "data" / "tvm-0.23-mlp"


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the examples of the page define."""
    found: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(example, "coming-from-tvm.md", "exec"), found)
    return found


def columns(report: Report) -> list[str]:
    return re.findall(r"\S+(?: \S+)*", report.table().splitlines()[0])


def test_columns_are_those_of_tvms_report(names: dict[str, Any]) -> None:
    theirs = Report.from_json((TVM / "report.json").read_text())
    expected = re.findall(r"\S+(?: \S+)*", (TVM / "table.txt").read_text().splitlines()[0])
    for report in (names["report"], names["again"], names["once"]):
        assert columns(report) == columns(theirs) == expected
        header, *lines = csv.reader(io.StringIO(report.csv()))
        assert header == next(csv.reader(io.StringIO((TVM / "report.csv").read_text())))
        assert len(lines) == len(report.calls)
        for setting in ("Number of threads", "Executor"):
            assert report.configuration[setting] == theirs.configuration[setting]
        assert {*theirs.device_metrics["cpu0"]} <= {*next(iter(report.device_metrics.values()))}
    assert "perf::" in names["whole"].table()


def test_calls_have_the_shape_of_tvms(names: dict[str, Any]) -> None:
    """The same two checks first, then kernels, each with tensors and values of the same kinds."""
    theirs = Report.from_json((TVM / "report.json").read_text())
    ours: Report = names["report"]
    for call in ours.calls:
        of_tvm = {name: type(cell) for name, cell in theirs.calls[0].items()}
        assert of_tvm.items() <= {name: type(cell) for name, cell in call.items()}.items()
        assert re.fullmatch(r"float32\[.*\]", str(call["Argument Shapes"]))
    (checks, theirs_checks) = (
        [call["Name"] for call in report.calls[:2]] for report in (ours, theirs)
    )
    assert checks == theirs_checks == ["vm.builtin.check_tensor_info", "vm.builtin.match_shape"]
    kernels = [call["Name"] for call in ours.calls[2:]]
    assert kernels == ["matmul", "relu", "matmul1", "softmax"]
    assert {call["Name"] for call in names["once"].calls} == {*checks, *kernels}
    left_out = {call["Name"] for call in names["whole"].calls} - {*checks, *kernels}
    assert left_out == {"vm.builtin.alloc_storage", "vm.builtin.alloc_tensor"}
    assert Report.from_json(ours.json()).table() == ours.table()


def test_it_is_tvms_machine(names: dict[str, Any]) -> None:
    vm, data = names["vm"], names["data"]
    assert isinstance(vm, tvm.relax.VirtualMachine)
    other = VirtualMachine(names["executable"], [tvm.cpu()], "naive")
    expected = tvm.relax.VirtualMachine(names["executable"], tvm.cpu())["main"](data)
    assert (other["main"](data).numpy() == expected.numpy()).all()
    named = VirtualMachine(names["executable"], tvm.cpu())
    named.set_input("main", x=data)
    assert named.profile("main", repeats=2).calls
    with pytest.raises(VmprofError, match="has no function 'nothing'"):
        other.profile("nothing", data)


def test_a_function_with_a_cache_is_called_once() -> None:
    vm = VirtualMachine(llama().module, tvm.cpu())
    shape = tvm.runtime.ShapeTuple
    cache = vm["create_cache"](shape([4]))

    def state(name: str, *arguments: Any) -> None:
        tvm.get_global_func(f"vm.builtin.kv_state_{name}")(cache, *arguments)

    state("add_sequence", 0)
    state("begin_forward", shape([0]), shape([PROMPT]))
    tokens = tvm.runtime.tensor(np.zeros((1, PROMPT), "int32"))
    report = vm.profile("forward", tokens, cache, parameters())
    state("end_forward")
    assert report.configuration["Invocations"].value == 1  # type: ignore[union-attr]
    state("begin_forward", shape([0]), shape([PROMPT]))
    vm.set_input("forward", tokens, cache, parameters())
    stateful = vm.profile("forward")
    state("end_forward")
    assert {call["Name"] for call in stateful.calls} == {call["Name"] for call in report.calls}
    with pytest.raises(VmprofError, match=r"'repeats'.*options of vmprof.Session alone"):
        vm.profile("forward", tokens, cache, parameters(), repeats=3)


def test_what_to_write_for_papis_names() -> None:
    table = dict(re.findall(r"^\| `PAPI_(\w+)` \| `([\w-]+)` \|$", PAGE, re.MULTILINE))
    assert table == PRESETS
    (command,) = re.findall(r"^    vmprof (run mlp .*)$", PAGE, re.MULTILINE)
    done = vmprof_command(*shlex.split(command))
    assert done.returncode == 1
    assert "did you mean: cycles?" in done.stderr


@pytest.mark.filterwarnings("ignore:unclosed file")  # those that TVM's load_tensor_cache reads
def test_a_model_library_is_made_recorded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the page, one after the other."""
    for path in (EXAMPLES / "llm").glob("*.py"):
        shutil.copy(path, tmp_path)
    commands = re.findall(r"^    ((?:python|vmprof) .*)$", LIBRARIES, re.MULTILINE)
    assert len(commands) == 4
    printed = {}
    for command in commands:
        program, *words = shlex.split(command)
        before = ["-m", "vmprof"] if program == "vmprof" else []
        done = run(*before, *words, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        printed[command] = done.stdout
    recording = load(tmp_path / "run.vmprof")
    assert recording.problems == ()
    called = {group.title: group.total("invocations") for group in groups_of(recording)}
    assert called == {
        "_metadata": 1,
        "create_tir_paged_kv_cache": 1,
        "embed": 16,
        "prefill": 1,
        "decode": 15,
    }
    (tokens,) = (out for command, out in printed.items() if "record" in command)
    assert len(tokens.split()) == 16
    (shown,) = (out for command, out in printed.items() if "--report decode" in command)
    assert "batch_decode_paged_kv_cpu" in shown
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", LIBRARIES, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "coming-from-tvm.md", "exec"), names)
    assert "take" in {operator.name for operator in names["embed"].operators()}
    # By itself it generates the same.
    alone = run("run_library.py", "dist/model.so", "dist/params", "--tokens", 16, cwd=tmp_path)
    assert alone.stdout == tokens
