"""The programs of examples/, by themselves and recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from support.commands import run as vmprof
from support.notebooks import notebook_shell
from support.scripts import EXAMPLES, record, run

from vmprof.recording.groups import groups_of
from vmprof.recording.saved import load
from vmprof.recording.summary import summary
from vmprof.recording.tables import Recording
from vmprof.values import Count

CHAT = EXAMPLES / "llm" / "chat.py"
SERVE = EXAMPLES / "service" / "serve.py"
TOKENS, REQUESTS = 12, 60
ENGINES = ("tvm", "vmprof")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def tokens() -> str:
    """What chat.py prints by itself."""
    alone = run(CHAT, "--tokens", TOKENS)
    assert alone.returncode == 0, alone.stderr
    assert len(alone.stdout.split()) == TOKENS
    return alone.stdout


@pytest.fixture(scope="module")
def chats(folder: Path, tokens: str) -> dict[str, Path]:
    """The saved recording of chat.py by each engine, which changed nothing of its output."""
    saved = {engine: folder / f"{engine}.vmprof" for engine in ENGINES}
    for engine, path in saved.items():
        done = record("--engine", engine, "--save", path, "--", CHAT, "--tokens", TOKENS)
        assert (done.returncode, done.stdout) == (0, tokens), done.stderr
    return saved


def calls_of(recording: Recording) -> dict[str, int]:
    """How often each function was called, by name, whichever VM it is of."""
    calls: dict[str, int] = {}
    for row in recording.totals:
        name = recording.functions[row["function"]].name
        calls[name] = calls.get(name, 0) + int(row["invocations"])
    return calls


@pytest.mark.parametrize("engine", ENGINES)
def test_a_prefill_and_the_decodes_are_in_the_summary(chats: dict[str, Path], engine: str) -> None:
    recording = load(chats[engine])
    assert recording.problems == ()
    assert [vm.engine for vm in recording.vms] == [engine]
    assert calls_of(recording) == {"create_cache": 1, "prefill": 1, "decode": TOKENS - 1}
    assert {row["Function"]: row["Invocations"] for row in summary(groups_of(recording))} == {
        "create_cache": Count(1),
        "prefill": Count(1),
        "decode": Count(TOKENS - 1),
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_kernels_that_the_cache_calls_have_rows(chats: dict[str, Path], engine: str) -> None:
    recording = load(chats[engine])
    for function, kernel in {
        "prefill": "batch_prefill_ragged_kv",
        "decode": "batch_decode_paged_kv_cpu",
    }.items():
        group = next(each for each in groups_of(recording) if each.title == function)
        invocations = group.timed["id"]
        callees = recording.calls["callee"][np.isin(recording.calls["invocation"], invocations)]
        names = [recording.callees[callee] for callee in callees]
        # One in each of the four layers.
        assert names.count(kernel) == 4 * len(invocations)


def test_saved_runs_are_shown_and_compared(chats: dict[str, Path]) -> None:
    before, after = (str(path) for path in chats.values())
    shown = vmprof("show", before, "--report", "decode", "--columns", "duration")
    assert shown.returncode == 0, shown.stderr
    assert "batch_decode_paged_kv_cpu" in shown.stdout
    assert "batch_prefill_ragged_kv" not in shown.stdout
    compared = vmprof("diff", before, after)
    assert compared.returncode == 0, compared.stderr
    assert "batch_decode_paged_kv_cpu" in compared.stdout


def test_requests_of_a_service_add_up_over_its_threads(folder: Path) -> None:
    alone = run(SERVE, "--requests", REQUESTS)
    assert alone.returncode == 0, alone.stderr
    printed = {line.split(":")[0]: int(line.split()[1]) for line in alone.stdout.splitlines()}
    assert sorted(printed) == ["classify", "rank"]
    assert sum(printed.values()) == REQUESTS
    for engine in ENGINES:
        saved = folder / f"service-{engine}.vmprof"
        words = ("--engine", engine, "--counters", "none", "--save", saved, "--", SERVE)
        done = record(*words, "--requests", REQUESTS)
        assert (done.returncode, done.stdout) == (0, alone.stdout), done.stderr
        recording = load(saved)
        assert recording.problems == ()
        assert calls_of(recording) == printed
        assert {vm.engine for vm in recording.vms} == {engine}


def test_the_notebook_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In IPython itself, which is what a kernel of Jupyter's runs cells with."""
    notebook = json.loads((EXAMPLES / "session.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("chat", "model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    shell = notebook_shell(tmp_path)
    try:
        for cell in cells:
            shell.run_cell(cell).raise_error()
        recording, labelled = (shell.user_ns[name] for name in ("recording", "labelled"))
    finally:
        shell.run_line_magic("unload_ext", "vmprof")
        InteractiveShell.clear_instance()
    for name in ("chat", "model"):
        sys.modules.pop(name)
    for each in (recording, labelled):
        assert isinstance(each, Recording)
        assert each.problems == ()
    assert calls_of(recording) == {"create_cache": 1, "prefill": 1, "decode": 16}
    titles = {group.title: group.total("invocations") for group in groups_of(labelled)}
    assert titles == {"create_cache": 1, "prefill": 1, "decode [early]": 16, "decode [late]": 16}
    assert "decode [late]" in capsys.readouterr().out
