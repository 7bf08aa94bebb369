"""docs/reference/troubleshooting.md: every message of the code, with what to do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"

# Everything that the script can find, and what it shall leave.
PYTHON = '''
"""One docstring of four words."""
def f(x, y):
    """Another docstring of four words."""
    raise VmprofError(f"{x} is not there: {y!r}" f"{y}; make " + help(x))
    raise MineError("it is mine" if x else "it is yours")
    raise errors.MineError("no help for this")
    problem = f"{x} says too little; "
    raise VmprofError(f"{problem}give {y}", command_line=f"{problem}give --it")
    raise VmprofError(str(x)) from x
    raise VmprofError(f"{x}: {y}")
    raise KeyError("name")
    raise AssertionError("a defect of ours")
    warnings.warn(f"{x} is left aside; mend it", VmprofWarning, stacklevel=2)
    raise self._failure("there is none")
    return "a plain sentence of five words"
'''
C = """
  TVMFFIErrorSetRaisedFromCStr(
      "VmprofError", /* why "this" */
      "it is \\"full\\"; "
      "ask for more");
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = DOCS / "scripts/make_troubleshooting.py"
    spec = importlib.util.spec_from_file_location("make_troubleshooting", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script: ModuleType) -> None:
    """If this fails: python docs/scripts/make_troubleshooting.py, which says what is missing."""
    page = script.make(script.messages(), script.load_remedies())
    assert script.PAGE.read_text(encoding="utf-8") == page


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name, text in {
        "vmprof/cli/a.py": PYTHON,
        "vmprof/counters/reading/trust.py": PYTHON,
        "vmprof/b.py": "raise Error(f'{{xx}} takes {x}')",
        "native/c.c": C,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_messages_are_found_in_the_code(script: ModuleType, code: Path) -> None:
    found = script.messages(code)
    assert [m.chapter for m in found] == sorted(
        (m.chapter for m in found), key=[*script.CHAPTERS.values()].index
    )
    raised = [
        ("VmprofError", "… is not there: …; make …"),
        ("MineError", "no help for this"),
        ("VmprofError", "… says too little; give --it"),
        ("warning", "… is left aside; mend it"),
        ("_failure", "cannot write …: there is none"),
    ]
    in_cli = [(m.kind, m.text) for m in found if m.chapter == script.CHAPTERS["cli"]]
    assert in_cli == raised
    plain = [(m.kind, m.text) for m in found if m.chapter == script.CHAPTERS[""]]
    assert plain == [("Error", "{xx} takes …"), ("native", 'it is "full"; ask for more')]
    reasons = [
        m.text for m in found if m.chapter == script.CHAPTERS["counters"] and m.kind == "reason"
    ]
    assert "a plain sentence of five words" in reasons
    assert not [text for text in reasons if "docstring" in text]


def test_a_message_without_a_remedy_is_printed_to_be_filled_in(script: ModuleType) -> None:
    message = script.Message('no "help" for this', "VmprofError", "Chapter")
    remedies = script.Remedies({"classes": {}, "beginnings": {}, "messages": {}})
    with pytest.raises(ValueError, match=r'^"no \\"help\\" for this" = ""$'.replace("^", "\n")):
        script.make([message], remedies)


def test_a_remedy_that_no_message_needs_is_named(script: ModuleType) -> None:
    message = script.Message("full; ask for more", "VmprofError", "Chapter")
    table = {"classes": {"VmprofError": "wait"}, "beginnings": {}, "messages": {"old": "go"}}
    with pytest.raises(ValueError, match=r"\n\[classes\] VmprofError\n\[messages\] old$"):
        script.make([message], script.Remedies(table))


def test_what_is_said_of_a_message_goes_before_what_it_says(script: ModuleType) -> None:
    table = {
        "classes": {"MineError": "by class"},
        "beginnings": {"it ": "by beginning", "it is": "by longer beginning"},
        "messages": {"it is full; ask": "by message"},
    }
    remedies = script.Remedies(table)
    expected = {
        "it is full; ask": "by message",
        "it is mine; give it back": "give it back",
        "it is mine": "by longer beginning",
        "it was mine": "by beginning",
        "this was mine; …": "by class",
    }
    for text, remedy in expected.items():
        assert remedies.of(script.Message(text, "MineError", "")) == remedy
    assert remedies.of(script.Message("this", "OtherError", "")) is None
    assert remedies.unused() == []
