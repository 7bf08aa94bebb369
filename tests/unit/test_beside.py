"""Several reports on a page, with changes since the first."""

from __future__ import annotations

from dataclasses import replace

from support.reports import network

from vmprof import Report
from vmprof.compare.diff.beside import changes_since, page
from vmprof.report.render.html import Cell
from vmprof.values import Duration, Samples


def repeated(factor: float, model: str = "network") -> Report:
    """A network of which one kernel takes ``factor`` times as long in each of 40 repeats."""
    report = network(1)
    calls = []
    for number, call in enumerate(report.calls):
        us = 100.0 * (factor if number == 0 else 1.0)
        samples = Samples(tuple(us + 0.01 * repeat for repeat in range(40)))
        calls.append({**call, "Duration (us)": Duration(us), "Duration (us) samples": samples})
    settings = {**report.configuration, "Model": model}
    return replace(report, calls=tuple(calls), configuration=settings, derived=())


def test_what_is_no_more_than_chance_says_so() -> None:
    changes = changes_since([repeated(1.0)], repeated(1.0), "before")
    assert changes.label == "before"
    assert set(changes.cells.values()) == {
        Cell("=", "", "before 100.00 us; within chance", 0.0, "unsure")
    }


def test_a_change_has_its_direction() -> None:
    kernel = network(1).calls[0]
    key = str(kernel["Name"]), str(kernel["Argument Shapes"])
    for factor, sign in ((1.5, "+50.0"), (0.5, "-50.0")):
        cell = changes_since([repeated(1.0)], repeated(factor), "before").cells[key]
        assert (cell.text, cell.unit) == (sign, "%")
        # Each side is one start: what differs between starts is not known.
        assert (cell.exact, cell.mark) == ("before 100.00 us; not told from chance", "unsure")
        assert cell.key == 100 * (factor - 1)


def test_an_operator_that_was_not_there_is_new() -> None:
    before = repeated(1.0)
    cells = changes_since([replace(before, calls=before.calls[1:])], before, "before").cells
    assert [cell.text for cell in cells.values()].count("new") == 1


def test_only_reports_of_the_same_model_have_changes() -> None:
    shown = page({"before": repeated(1.0), "after": repeated(1.5), "x": repeated(1.0, "other")})
    assert shown.count('data-title="Change"') == 1
    assert "above or below that of before" in shown
