"""docs/how-to/sessions.md and the README's section on sessions: what they show is what happens."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from support.scripts import EXAMPLES, run

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs/how-to/sessions.md", ROOT / "README.md"

# The commands of a page one after the other in one process, which compiles the model once.
ALL = """\
import contextlib, functools, io, json, shlex, sys
import model
from vmprof.cli.main import main

model.build = functools.cache(model.build)
results = []
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(
        io.StringIO()
    ) as err:
        if line.startswith("vmprof "):
            try:
                code = main(shlex.split(line)[1:])
            except SystemExit as stopped:
                code = stopped.code
        else:
            code = exec(line, {"__name__": "__main__"})
    results.append([line, code or 0, out.getvalue(), err.getvalue()])
json.dump(results, open("results.json", "w"))
"""


class Result(NamedTuple):
    line: str
    code: int
    out: str
    err: str


def shown(page: str) -> list[str]:
    return re.findall(r"^    (vmprof .*)$", page, re.MULTILINE)


def section(page: str, title: str) -> str:
    return page.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Result]]:
    """What each command, and the Python of the page, gave, by page."""
    folder = tmp_path_factory.mktemp("docs")
    for path in (EXAMPLES / "llm").glob("*.py"):
        shutil.copy(path, folder)
    (folder / "all.py").write_text(ALL)
    page = PAGE.read_text(encoding="utf-8")
    lines = {
        "page": shown(page) + re.findall(r"```python\n(.*?)```", page, re.DOTALL),
        "readme": shown(section(README.read_text(encoding="utf-8"), "Your own program")),
    }
    given = {}
    for name, of_page in lines.items():
        done = run("all.py", json.dumps(of_page), cwd=folder)
        assert done.returncode == 0, done.stderr
        given[name] = [Result(*each) for each in json.loads((folder / "results.json").read_text())]
        for path in folder.glob("*.vmprof"):
            path.unlink()
        assert (folder / "decode.html").read_text().startswith("<!DOCTYPE html>")
        (folder / "decode.html").unlink()
    return given


@pytest.mark.parametrize("name", ["page", "readme"])
def test_every_command_does_what_it_is_shown_for(
    results: dict[str, list[Result]], name: str
) -> None:
    of_page = results[name]
    assert [(each.line, each.code) for each in of_page] == [(each.line, 0) for each in of_page]
    records = [each for each in of_page if each.line.startswith("vmprof record ")]
    assert len(records) == {"page": 7, "readme": 3}[name]
    assert len({each.out for each in records}) == 1
    assert all(len(each.out.split()) == 64 for each in records)
    for each in records:
        assert re.search(r"^decode +63 ", each.err, re.MULTILINE), each.err


def test_a_session_inside_a_program_tells_labels_apart(results: dict[str, list[Result]]) -> None:
    (session,) = (each for each in results["page"] if not each.line.startswith("vmprof "))
    for label in ("early", "late"):
        assert re.search(rf"^decode \[{label}\] +16 ", session.out, re.MULTILINE), session.out


# ---- what a script writes into the pages ---------------------------------------------------


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_sessions", ROOT / "docs/scripts/make_sessions.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_those_that_were_measured(script: ModuleType) -> None:
    """If this fails: python docs/scripts/make_sessions.py."""
    parts = []
    for path in script.PAGES:
        page = path.read_text(encoding="utf-8")
        assert script.renew(page) == page
        parts += re.findall(r"<!-- (\w+) -->", page)
    assert {*parts} == {*script.PARTS, "end"}


def test_what_somebody_changes_by_hand_is_put_right(script: ModuleType) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert script.renew(re.sub(r"(decode +)63 ", r"\g<1>64 ", page)) == page
