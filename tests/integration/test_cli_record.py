"""``vmprof record``: a user's script runs as python runs it, and its VMs are recorded."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.pages import Elements
from support.recordings import Made
from support.scripts import record, run
from support.traces import read_trace

from vmprof import Report, VmprofError
from vmprof.cli.main import main
from vmprof.compare.readers import read_reports
from vmprof.recording.reports import reports
from vmprof.recording.saved import dumps, load
from vmprof.recording.tables import TIMED

TESTS = str(Path(__file__).parents[1])

PROGRAM = f"""\
import os, pickle, sys
sys.path.append({TESTS!r})
import numpy as np
import tvm
from tvm import relax
from tvm.runtime.vm import VirtualMachine
from support.models import Nested, compile_relax


class Mine(relax.VirtualMachine):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.mine = True


class Kept:
    pass


def main():
    module = compile_relax(Nested)
    x = tvm.runtime.tensor(np.arange(4, dtype="float32"))
    for made in (VirtualMachine, relax.VirtualMachine, Mine):
        vm = made(module, tvm.cpu())
        assert type(vm) is made
        for _ in range(5):
            result = vm["main"](x).numpy()
    vm.module["double"](x)
    print(result, vm.mine, sys.argv, __name__, __file__, sys.path[0], __spec__ is None)
    assert type(pickle.loads(pickle.dumps(Kept()))) is Kept
    assert sys.modules["__main__"].main is main
    if "fork" in sys.argv:
        if os.fork() == 0:
            vm["main"](x)
            print("child", flush=True)
            return
        os.wait()
    if "raise" in sys.argv:
        raise ValueError("told so")
    if "interrupt" in sys.argv:
        raise KeyboardInterrupt
    if "exit" in sys.argv:
        sys.exit(3)


if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "chat.py"
    path.write_text(PROGRAM)
    return path


def test_output_arguments_and_exit_code_are_the_scripts_own(program: Path, tmp_path: Path) -> None:
    alone = run(program, "exit", "--top", "5")
    saved, reports = tmp_path / "run.vmprof", tmp_path / "run.json"
    done = record(
        "--counters", "none", "--save", saved, "--json", reports, "--", program, "exit", "--top", 5
    )
    assert alone.returncode == 3
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout)
    recording = load(saved)
    assert recording.problems == ()
    assert len(recording.vms) == 3
    assert int(recording.totals["invocations"].sum()) == 3 * 5 + 1
    assert "Evaluate vm inference cost of main, VM 1 on cpu(0)" in done.stderr
    titles = [saved.model for saved in read_reports(reports)]
    assert sorted(titles) == ["double", "main, VM 1", "main, VM 2", "main, VM 3"]
    shown = run("-m", "vmprof", "show", saved)
    assert shown.stdout == done.stderr
    one = run("-m", "vmprof", "show", saved, "--report", "double", "--columns", "duration")
    assert "add" in one.stdout
    assert "multiply" not in one.stdout
    compared = run("-m", "vmprof", "diff", reports, saved)
    assert compared.returncode == 0, compared.stderr


def test_the_page_and_the_trace_have_all_functions(program: Path, tmp_path: Path) -> None:
    forms = ("html", "trace", "kineto", "json", "openmetrics", "parquet", "calls")
    names = {form: f"run.{form}" for form in ("save", *forms)}
    options = [word for form, name in names.items() for word in (f"--{form}", name)]
    done = record("--counters", "none", *options, "--", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    titles = ["double", "main, VM 1", "main, VM 2", "main, VM 3"]
    page = Elements((tmp_path / "run.html").read_text())
    assert page.found["template"] == len(titles)
    assert all(title in page.text for title in titles)
    slices = read_trace((tmp_path / "run.trace").read_text()).slices
    invocations = [one.name.partition(" (")[0] for one in slices if one.category == "invocation"]
    assert Counter(invocations) == dict(zip(titles, (1, 5, 5, 5), strict=True))
    saved = read_reports(tmp_path / "run.parquet")
    assert [*map(Report.json, (each.report for each in saved))] == (
        (tmp_path / "run.json").read_text().splitlines()
    )
    families = [*text_string_to_metric_families((tmp_path / "run.openmetrics").read_text())]
    of_functions = {sample.labels["report"] for family in families for sample in family.samples}
    assert of_functions == {*titles}
    steps = [
        one
        for one in read_trace((tmp_path / "run.kineto").read_text()).slices
        if one.name.startswith("ProfilerStep#")
    ]
    assert len(steps) == sum(one.args.get("turn") == "timed" for one in slices)
    calls = pq.read_table(tmp_path / "run.calls").to_pylist()
    named = Counter(row["Function"] for row in calls if row["Call"] == 0)
    assert named == dict(zip(titles, (1, 5, 5, 5), strict=True))
    # What was saved says the same again, and what is of one report asks for its name.
    again = {form: f"again.{form}" for form in forms}
    options = [word for form, name in again.items() for word in (f"--{form}", name)]
    shown = run("-m", "vmprof", "show", "run.save", *options, cwd=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, done.stderr)
    for form, name in again.items():
        assert (tmp_path / name).read_bytes() == (tmp_path / names[form]).read_bytes()
    refused = run("-m", "vmprof", "show", "run.save", "--csv", "run.csv", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == "vmprof: error: --csv is of one report; name it: --report\n"
    assert not (tmp_path / "run.csv").exists()
    # Of one function alone: its table, and the trace of its invocations.
    one = ("show", "run.save", "--report", "main, VM 2", "--trace", "one.trace", "--csv", "one.csv")
    assert run("-m", "vmprof", *one, cwd=tmp_path).returncode == 0
    trace = json.loads((tmp_path / "one.trace").read_text())
    invocations = [e["name"] for e in trace["traceEvents"] if e.get("cat") == "invocation"]
    assert len(invocations) == 5
    assert {name.partition(" (")[0] for name in invocations} == {"main, VM 2"}
    assert (tmp_path / "one.csv").read_text().startswith("Argument Shapes,")
    named = run("-m", "vmprof", "show", "run.save", "--report", "nobody", cwd=tmp_path)
    assert named.stderr.startswith("vmprof: error: there is no report of 'nobody'; there are: ")
    assert all(title in named.stderr for title in titles)


def test_a_program_without_vms_has_an_empty_page_and_trace(tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text("print(1)\n")
    forms = ("html", "trace", "kineto", "openmetrics", "parquet", "calls")
    options = [word for form in forms for word in (f"--{form}", f"page.{form}")]
    done = record(*options, "idle.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert "no attached VM was called" in (tmp_path / "page.html").read_text()
    for form in ("trace", "kineto"):
        trace = json.loads((tmp_path / f"page.{form}").read_text())
        assert trace["otherData"]["Invocations"] == "0 of 0"
    assert (tmp_path / "page.openmetrics").read_text() == "# EOF\n"
    assert pq.read_table(tmp_path / "page.calls").num_rows == 0
    with pytest.raises(VmprofError, match="the Parquet file shows no report: nothing was recorded"):
        read_reports(tmp_path / "page.parquet")


def test_an_error_is_shown_as_without_vmprof(program: Path) -> None:
    alone = run(program.name, "raise", cwd=program.parent)
    done = record("--counters", "none", program.name, "raise", cwd=program.parent)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout) == (1, alone.stdout)
    assert alone.stderr.startswith("Traceback")
    assert done.stderr.startswith(alone.stderr)
    assert "Evaluate vm inference cost" in done.stderr


def test_an_interrupt_ends_it_by_the_signal_after_the_report(program: Path) -> None:
    done = record("--counters", "none", program, "interrupt")
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr
    assert "Evaluate vm inference cost" in done.stderr


def test_a_child_reports_nothing(program: Path) -> None:
    done = record("--counters", "none", program, "fork")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("child") == 1
    assert done.stderr.count("main, VM 1 on cpu(0)") == 1


def test_a_module_by_its_name(program: Path) -> None:
    words = ("-m", program.stem, "--engine", "x")
    alone = run(*words, cwd=program.parent)
    done = record("--engine", "vmprof", *words, cwd=program.parent)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout)
    assert alone.stderr == ""
    assert "Engine: vmprof" in done.stderr


def test_by_thread_and_by_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Made()
    for _ in range(4):
        made.add(TIMED, 1000, [("a", "", 0, 100)])
    recording = made.recording()
    recording.invocations["thread"] = [5, 6, 5, 5]
    path = tmp_path / "run.vmprof"
    path.write_bytes(dumps(recording))
    assert main(["show", str(path), "--by", "thread"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^main, thread 5 +3 ", shown, re.MULTILINE)
    assert "Evaluate vm inference cost of main, thread 6 on cpu(0)" in shown
    assert main(["show", str(path), "--by", "thread", "--report", "main, thread 6"]) == 0
    assert "Repeats: 1\n" in capsys.readouterr().out
    assert main(["show", str(path), "--by", "path"]) == 1
    assert capsys.readouterr().err == (
        "vmprof: error: a recording has no rows by path; take operator, shape, thread\n"
    )
    (tmp_path / "report.json").write_text(next(iter(reports(recording).values())).json())
    assert main(["show", str(tmp_path / "report.json"), "--by", "thread"]) == 1
    assert "--by thread is of one file that vmprof record saved" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is nothing to record"),
        (["/no/such/file.py"], "there is no such file"),
        (["--counters", "no-such-event", __file__], "no-such-event"),
        (["--save", "/no/such/folder/x", __file__], "there is no folder"),
        (["--html", "/no/such/folder/x", __file__], "there is no folder"),
        (["--trace", __file__, __file__], "exists; --force overwrites it"),
        (["--keep", "1", "--json", __file__, __file__], "exists; --force overwrites it"),
    ],
)
def test_mistakes_are_one_line_before_anything_runs(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", *words]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("vmprof: error: ")
    assert shown.count("\n") == 1
    assert said in shown


def test_an_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["record", "--no-such-option", __file__])
    assert raised.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err
