"""docs/how-to/sessions.md: what it shows is what happens."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from support.scripts import EXAMPLES
from support.shown import Done, Task, carry_out

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/sessions.md"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    """What each command, and the Python of the page, gave."""
    folder = tmp_path_factory.mktemp("docs")
    for path in (EXAMPLES / "llm").glob("*.py"):
        shutil.copy(path, folder)
    (done,) = carry_out([Task(PAGE, folder)])
    assert (folder / "decode.html").read_text().startswith("<!DOCTYPE html>")
    return done


def test_every_command_does_what_it_is_shown_for(results: list[Done]) -> None:
    assert [(each.step, each.code) for each in results] == [(each.step, 0) for each in results]
    records = [each for each in results if each.step.startswith("vmprof record ")]
    assert len(records) == 7
    assert len({each.out for each in records}) == 1
    assert all(len(each.out.split()) == 64 for each in records)
    for each in records:
        assert re.search(r"^decode +63 ", each.err, re.MULTILINE), each.err


def test_a_session_inside_a_program_tells_labels_apart(results: list[Done]) -> None:
    (session,) = (each for each in results if not each.step.startswith("vmprof "))
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
