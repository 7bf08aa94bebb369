"""What pages show is done: commands one after the other, and the Python between them.

What cannot be done in a test is listed, with the reason, in tests/support/shown.py.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.scripts import EXAMPLES
from support.shown import ROOT, Done, Task, allowed, carry_out, commands, why_not_run
from tvm import relax

import vmprof
from vmprof.report.model import Ratio, Report

# Pages whose commands and examples other tests do, which ask more of what comes out.
ELSEWHERE = {
    "CONTRIBUTING.md": "test_contributing.py",
    "docs/how-to/coming-from-tvm.md": "test_docs_coming_from_tvm.py",
    "docs/how-to/export.md": "test_docs_export.py",
    "docs/how-to/sessions.md": "test_docs_sessions.py",
}
# What other pages take for granted, of the things that a reader has: below.
TAKES = {
    "README.md": ("model.so", "old.so", "new.so", "serve.py", "docs"),
    "docs/explanation/bounds.md": ("chat.py", "model.py"),
    "docs/explanation/sampling.md": ("model.so", "chat.py", "model.py"),
    "docs/explanation/threads.md": ("model.so",),
    "docs/explanation/validation.md": ("model.so", "before.json", "after.json", "report.txt"),
    "docs/how-to/advice.md": (),
    "docs/index.md": (),
    "docs/how-to/compare.md": (),
    "docs/how-to/extending.md": ("docs",),
    "docs/how-to/flame-graphs.md": ("chat.py", "model.py"),
    "docs/how-to/hot-operators.md": (),
    "docs/how-to/inside.md": ("model.so", "chat.py", "model.py"),
    "docs/how-to/models.md": ("model.so",),
    "docs/how-to/old-reports.md": ("tests",),
    "docs/how-to/testing.md": ("old.so", "new.so"),
    "docs/reference/counters.md": ("model.so", "mine.toml"),
    "docs/reference/reports.md": (
        *("model.so", "old.so", "new.so", "report.json", "before.json", "after.json", "pod.log"),
        *("page.html", "before.html", "after.html"),
        *(f"{side}{number}.json" for side in "ab" for number in (1, 2, 3)),
    ),
    "docs/start/first-report.md": (),
    "docs/start/install.md": (),
}
# Pages whose Python is not run here: it takes another host, or is a test of pytest's.
WITHOUT_PYTHON = ("docs/how-to/testing.md", "docs/how-to/models.md")


@pytest.fixture
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has: a model, reports of it, programs, the checkout."""
    folder = tmp_path_factory.mktemp("things")
    x = relax.Var("x", relax.TensorType((64, 64), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        weights = relax.const(np.ones((64, 64), "float32"))
        builder.emit_func_output(builder.emit(relax.op.matmul(x, weights)))
    vmprof.compile(builder.get()).export_library(folder / "model.so")
    for name in ("old", "new"):
        for path in folder.glob("model.so*"):
            shutil.copy(path, folder / path.name.replace("model", name))
    report = vmprof.profile(folder / "model.so", repeats=3, counters="task-clock", metrics=True)
    for name in ("before", "after", *(f"{side}{number}" for side in "ab" for number in (1, 2, 3))):
        report.save(folder / f"{name}.json")
    for name in ("page", "before", "after"):
        report.save(folder / f"{name}.html")
    counted = Report.from_json((ROOT / "docs/data/reports/mlp-emulated-arm.json").read_text())
    calls = [{**call, "Layer": "a.b.c", "IPC": Ratio(0.5)} for call in counted.calls]
    replace(counted, calls=tuple(calls)).save(folder / "report.json")
    for name in ("report.txt", "pod.log"):
        (folder / name).write_text(report.table(), encoding="utf-8")
    shutil.copy(ROOT / "docs/examples/faults.toml", folder / "mine.toml")
    for path in (*(EXAMPLES / "llm").glob("*.py"), EXAMPLES / "service/serve.py"):
        shutil.copy(path, folder)
    for name in ("docs", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def do(things: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Done]]:
    """What the commands of each page give, each page in a folder of its own."""
    tasks = []
    for page, names in TAKES.items():
        folder = tmp_path_factory.mktemp("page")
        for name in names:
            patterns = ("*.py",) if name.endswith(".py") else (name, f"{name}.*")
            for path in (found for each in patterns for found in things.glob(each)):
                shutil.copy(path, folder, follow_symlinks=False)
        starts = 2 if page == "docs/how-to/compare.md" else 1  # each takes seconds
        with_python = page not in WITHOUT_PYTHON
        tasks.append(Task(ROOT / page, folder, with_python=with_python, starts=starts))
    return dict(zip(TAKES, carry_out(tasks), strict=True))


@pytest.mark.slow
def test_every_command_does_what_is_shown(
    things: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One test, since tests side by side would each do it all."""
    done = do(things, tmp_path_factory)
    wrong = [
        f"{page}: {each.step} ended with {each.code}\n{each.out[-500:]}\n{each.err[-2000:]}"
        for page, steps in done.items()
        for each in steps
        if each.code not in allowed(each.step)
    ]
    assert not wrong, "\n\n".join(wrong)
    for page, tables in (("docs/start/first-report.md", 3), ("docs/how-to/compare.md", 1)):
        check_rows(page, done[page], tables)


def test_each_page_is_done_somewhere() -> None:
    """If this fails: say above what the page takes, or which test does what it shows."""
    pages = {
        str(each.page.relative_to(ROOT)) for each in commands() if not why_not_run(each.command)
    }
    assert pages == {*TAKES, *ELSEWHERE}
    here = Path(__file__).parent
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (here / test).read_text(encoding="utf-8")


def check_rows(page: str, steps: list[Done], tables: int) -> None:
    """They are those that the page shows in ``tables`` places, if not their numbers or order."""
    recording = ROOT / "docs/data/shown" / f"{Path(page).stem}.json"
    printed = json.loads(recording.read_text(encoding="utf-8"))
    now = {each.step: each.out for each in steps}
    with_table = [command for command in printed if "vmprof doctor" not in command]
    assert len(with_table) == tables
    for command in with_table:
        shown, found = operators(printed[command]), operators(now[command])
        # Those that --top leaves out may be others.
        assert shown[0] == found[0] if "--top" in command else {*shown} == {*found}


def operators(table: str) -> list[str]:
    """The names of the rows of a table, from top to bottom."""
    _, _, body = table.partition("\nName ")
    rows = body.partition("\n----------")[0].splitlines()[1:]
    return [re.split(r"\s{2,}", row)[0] for row in rows]
