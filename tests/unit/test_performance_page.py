"""performance.md and how-it-measures.md: what `make bench` measured, and its figures."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_performance", DOCS / "scripts/make_performance.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def Figure(script: ModuleType) -> Any:
    return script.performance.Figure


def test_the_pages_are_up_to_date(script: ModuleType) -> None:
    """If this fails: python docs/scripts/make_performance.py."""
    for path in script.PAGES:
        page = path.read_text(encoding="utf-8")
        assert script.renew(page) == page


def test_each_part_is_on_a_page_once(script: ModuleType) -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in script.PAGES)
    parts = re.findall(r"<!-- performance: (\w+) -->", pages)
    assert sorted(each for each in parts if each != "end") == sorted(script.performance.PARTS)


def test_every_benchmark_is_run(script: ModuleType) -> None:
    files = (DOCS.parent / "benchmarks").glob("*.py")
    alone = {path.stem for path in files if "alone(figures" in path.read_text(encoding="utf-8")}
    assert alone == {*script.importlib.import_module("run").BENCHMARKS}


def test_what_is_measured_later_is_said(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = script.importlib.import_module("run")
    monkeypatch.setattr(
        runs,
        "run_all",
        lambda names, **_: {
            "machine": {"Date": f"when {names[0]}", runs.LOAD: "0.1"},
            "benchmarks": [{"name": name, "figures": [2]} for name in names],
        },
    )
    names = ("dispatch", "reads", "threads")
    before = [{"name": name, "figures": [1]} for name in names]
    found: dict[str, Any] = {"machine": {"Date": "a day"}, "benchmarks": before}
    for again in (["reads", "threads"], ["threads"]):
        found = runs.renewed(found, again, quick=True)
    assert [each["figures"] for each in found["benchmarks"]] == [[1], [2], [2]]
    shown = script.importlib.import_module("performance").machine(found)
    assert re.findall(r"\| (Date|Measured later) +\| +(.*) \|", shown) == [
        ("Date", "a day"),
        # What is told of one time stays when something else is measured at another.
        ("Measured later", "reads: when reads, load 0.1"),
        ("Measured later", "threads: when threads, load 0.1"),
    ]


def test_what_the_page_shows_was_measured(script: ModuleType) -> None:
    document = json.loads(script.MEASURED.read_text(encoding="utf-8"))
    assert not [each["name"] for each in document["benchmarks"] if each["failed"]]


def test_everything_that_is_quoted_was_measured(script: ModuleType) -> None:
    document = json.loads(script.MEASURED.read_text(encoding="utf-8"))
    quoted = script.performance.quoted(document)
    assert len(quoted.splitlines()) == 2 + len(script.performance.QUOTED)


def test_a_figure_beside_its_goal(Figure: Any) -> None:
    samples = [1.0, 2.0, 3.0, 4.0, 5.0]
    figure = Figure.of_samples("mlp", "Total", samples, unit="us", of="a run", goal=3.0)
    assert (figure.low, figure.value, figure.high) == (2.0, 3.0, 4.0)
    assert figure.met is True
    shown = ["mlp: Total", "3 us", "2 to 4", "at most 3 us", "yes", "a run"]
    assert figure.cells() == shown


def test_a_ratio_is_of_medians(Figure: Any) -> None:
    figure = Figure.of_ratio("mlp", "Total", [2.0, 4.0, 9.0], [1.0, 2.0, 3.0], of="", goal=1.9)
    assert figure.value == 2.0
    assert (figure.low, figure.high) == (2.0, 2.5)  # of the rounds: 2, 2, 3
    assert figure.met is False
    assert figure.shown() == "2.000 times"


def test_what_shall_be_at_least_that_much(Figure: Any) -> None:
    figure = Figure(case="a", name="b", of="", unit="times", value=49.0, goal=50.0, at_least=True)
    assert (figure.met, figure.wanted()) == (False, "at least 50 times")


def test_what_was_not_measured_meets_and_misses_nothing(Figure: Any) -> None:
    figure = Figure(case="a", name="PAPI_read", of="", unit="ns", goal=1.0, absent="not installed")
    assert figure.met is None
    assert figure.shown() == "not installed"


def test_what_fails_is_told(script: ModuleType) -> None:
    failed = {"name": "reads", "failed": "exit code 1", "figures": [], "seconds": 1.0}
    said = script.performance.missed({"machine": {}, "benchmarks": [failed]})
    assert said == "reads failed: exit code 1.\n0 figures have a goal; 0 meet it, 0 do not.\n"


def test_turns_are_taken_by_all_sides(script: ModuleType) -> None:
    turns = script.importlib.import_module("turns")
    order: list[str] = []
    sides = {name: lambda name=name: float(len(order.append(name) or order)) for name in "ab"}
    assert turns.in_turn(sides, rounds=2) == {"a": [1.0, 4.0], "b": [2.0, 3.0]}
    assert order == ["a", "b", "b", "a"]
