"""``%%vmprof`` in a real IPython, in this process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from support.notebooks import notebook_shell
from support.sessions import X, functions, make, tensor

from vmprof.errors import VmprofWarning
from vmprof.recording.saved import load
from vmprof.recording.tables import Recording

OPTIONS = "--counters none"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[InteractiveShell]:
    made = notebook_shell(tmp_path)
    made.run_line_magic("load_ext", "vmprof")
    made.user_ns.update(make=make, tensor=tensor)
    yield made
    made.run_line_magic("unload_ext", "vmprof")
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, *lines: str) -> Any:
    """The value of the cell of ``lines``; what it raised is raised."""
    done = shell.run_cell("\n".join(lines), store_history=True)
    done.raise_error()
    return done.result


def test_vms_of_earlier_cells_and_of_this_one_are_recorded(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    run(shell, "vm = make('nested')", "before = vm.module", "also = vm")
    capsys.readouterr()
    value = run(
        shell,
        f"%%vmprof {OPTIONS} -o recording",
        "for _ in range(3): y = vm['main'](tensor())",
        "other = make('nested')",
        "z = other['double'](y)",
        "y.numpy().tolist()",
    )
    assert value == (8 * X * X).tolist()
    names = shell.user_ns
    recording = names["recording"]
    assert functions(recording) == {"main": 3, "double": 1}
    assert recording.problems == ()
    assert [vm.notes for vm in recording.vms] == [(), ()]
    # Variables are what they were, and what the cell made stays.
    assert names["vm"] is names["also"]
    assert names["vm"].module is names["before"]
    assert names["z"].numpy().tolist() == (16 * X * X).tolist()
    shown = capsys.readouterr().out
    assert shown.startswith("Out[2]: [0.0, 8.0, 32.0, 72.0]\nFunction ")
    assert "Evaluate vm inference cost of main on cpu(0)" in shown
    assert str(recording) == shown.partition("\n")[2][:-1]


def test_what_a_cell_raises_is_shown_as_ever_and_what_was_recorded_is_kept(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "run.vmprof"
    lines = (
        f"%%vmprof {OPTIONS} --save '{saved}' -o recording",
        "y = make('nested')['main'](tensor())",
        "1 / 0",
    )
    with pytest.raises(ZeroDivisionError):
        run(shell, *lines)
    out = capsys.readouterr().out
    assert functions(load(saved)) == functions(shell.user_ns["recording"]) == {"main": 1}
    assert shell.user_ns["y"].shape == (4,)
    below = out[out.index("------\nZeroDivisionError") :]
    assert "line 3" in below
    assert "----> 3 1 / 0" in below
    assert "vmprof" not in below.replace("%%vmprof", "")
    assert "run_cell_magic" not in below


def test_the_line_magic_takes_a_statement_behind_its_options(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["vm"] = make("nested")
    result = run(
        shell, '%vmprof --counters none --out "kept"  {"a b": vm["main"](tensor()).shape[0]}'
    )
    assert result == {"a b": 4}
    assert functions(shell.user_ns["kept"]) == {"main": 1}
    assert "Not seen" not in capsys.readouterr().out
    run(shell, '%vmprof --counters none vm["main"](tensor()) ;')
    assert "Out[" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%vmprof --countres x\n1", "no option --countres; did you mean --counters?"),
        ("%%vmprof model.so\n1", "has no place for 'model.so'; leave it out"),
        ("%%vmprof --save /proc/none/x\nran = 1", "there is no folder /proc/none"),
        ("%%vmprof -o 3x\nran = 1", "'3x' is no name of a variable"),
        ("%%vmprof --save 'x\nran = 1", "there is no end to the quotation in 'x"),
        ("%%vmprof --counters cycels\nran = 1", "there is no event 'cycels'; did you mean"),
        ("%%vmprof\nran = 1\ndef f(:", "nothing was run, and nothing recorded"),
        ("%vmprof", "%vmprof has nothing to record; name a statement"),
        ("%vmprof --counters none", "%vmprof has nothing to record; name a statement"),
        ("%vmprof --by cat ran", "--by cannot be 'cat'"),
    ],
)
def test_mistakes_are_told_in_a_line(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        run(shell, cell)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    shown = capsys.readouterr()
    assert "notebook" not in shown.out + shown.err
    assert "ran" not in shell.user_ns


def test_an_event_that_is_not_counted_fails_a_strict_cell(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="not all events"):
        run(shell, "%%vmprof --counters task-clock --strict", "make('nested')['main'](tensor())")
    assert "vmprof: --strict: perf::TASK-CLOCK could not be counted" in capsys.readouterr().err


def test_a_notebook_is_shown_html(shell: InteractiveShell) -> None:
    shown = []
    shell.display_formatter.active_types = ["text/plain", "text/html"]
    shell.display_pub.publish = lambda data, **_: shown.append(data)
    run(shell, f"%%vmprof {OPTIONS}", "make('nested')['main'](tensor());")
    run(shell, f"%%vmprof {OPTIONS}", "pass")
    (of_call, of_nothing) = shown
    assert sorted(of_call) == ["text/html", "text/plain"]
    assert "<summary><b>main</b></summary>" in of_call["text/html"]
    assert "<p>Nothing was recorded: no " in of_nothing["text/html"]


def test_a_vm_that_cannot_be_attached_is_told_and_the_cell_runs(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = copy(make("nested"))
    broken.module = "none"
    shell.user_ns.update(broken=broken, warnings=warnings)
    cell = (f"%%vmprof {OPTIONS}", "ran = broken", "warnings.simplefilter('ignore', BytesWarning)")
    with warnings.catch_warnings():
        warnings.simplefilter("always", VmprofWarning)
        run(shell, *cell)
        # The cell's filters stay, as they would without the magic.
        assert warnings.filters[0] == ("ignore", None, BytesWarning, None, 0)
    assert shell.user_ns["ran"] is broken
    assert "vmprof: warning: broken is not recorded: cannot attach" in capsys.readouterr().err


def test_help_lists_the_options(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    run(shell, "%vmprof --help")
    shown = capsys.readouterr().out
    assert shown.startswith("usage: %vmprof [OPTIONS] STATEMENT\n")
    assert "--counters WHAT" in shown


def test_neither_ipython_nor_tvm_is_loaded_before_the_extension() -> None:
    program = (
        "import sys, vmprof, json; "
        "print(json.dumps([name in sys.modules for name in ('IPython', 'tvm')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [False, False]


def test_recordings_of_strangers_are_escaped() -> None:
    from support.recordings import Made
    from support.reports import HOSTILE

    made = Made()
    for _ in range(3):
        made.add(0, 9_000, [(name, "", 0, 1_000) for name in HOSTILE])
    recording: Recording = made.recording()
    html = recording._repr_html_()
    assert "<script" not in html
    assert "<img" not in html


def test_the_cells_of_the_page_run(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs/how-to/notebook.md"
    cells = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shell.user_ns.update(vm=make("nested"), x=tensor())
    values = [run(shell, cell) for cell in cells]
    assert len(values) == 5
    assert len(values[4]) == 3
    assert values[2] == (8 * X * X).sum()
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert functions(load(tmp_path / "run.vmprof")) == {"main": 1}
