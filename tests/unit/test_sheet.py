"""What the viewer's tables hold, without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from support.reports import network

from vmprof.errors import VmprofError
from vmprof.report import Report
from vmprof.report.render.view import View
from vmprof.values import Count, Duration
from vmprof.viewer import told
from vmprof.viewer.sheet import ReportSheet

CONV_1, CONV_2 = "fused_conv2d_add_relu_1", "fused_conv2d_add_relu_2"
RESNET50 = Path(__file__).parents[2] / "docs/pictures/resnet50.json"


def sheet(report: Report) -> ReportSheet:
    return ReportSheet.of("network", report, View())


def printed(text: object) -> str:
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(text)
    return capture.get()


def test_rows_are_sorted_either_way_and_what_is_not_there_is_last() -> None:
    rows = [
        {"Name": "b", "Duration (us)": Duration(1.0), "X": Count(5), "Y": "z"},
        {"Name": "c", "Duration (us)": Duration(3.0), "Y": ""},
        {"Name": "a", "Duration (us)": Duration(2.0), "X": Count(7), "Y": "y"},
    ]
    shown = sheet(Report(tuple(rows), {"cpu0": {"Duration (us)": Duration(6.0)}}, {}))

    def order(column: str, *, reverse: bool = False) -> str:
        return "".join(f"{shown.rows[at]['Name']}" for at in shown.numbers(column, reverse=reverse))

    assert (order("Duration (us)"), order("Duration (us)", reverse=True)) == ("cab", "bac")
    assert (order("X"), order("X", reverse=True)) == ("abc", "bac")
    assert (order("Y"), order("Y", reverse=True)) == ("abc", "bac")
    assert order("Name") == "abc"
    assert [round(shown.share(shown.rows[at])) for at in shown.numbers("Name")] == [33, 17, 50]


def test_a_filter_keeps_rows_that_have_all_its_words() -> None:
    shown = sheet(network())

    def found(words: str) -> set[object]:
        return {shown.rows[at]["Name"] for at in shown.numbers("Name", having=words)}

    assert found("CONV2D 32,") == {CONV_1, CONV_2}
    assert found("softmax conv2d") == set()
    assert len(shown.numbers("Name", having=" ")) == len(shown.rows)


def test_advice_is_that_for_the_operator() -> None:
    report = Report.from_json(RESNET50.read_text())
    shown = sheet(report)
    said = printed(told.advice(shown, shown.rows[0]))
    assert said.startswith("Arithmetic is the limit\n  14.2 % of Total")
    assert "\n  -> " in said
    assert "Arithmetic is the limit" not in printed(told.advice(shown, shown.rows[-1]))


def test_a_wrong_sort_is_told_before_the_screen_is_taken() -> None:
    with pytest.raises(VmprofError, match="no column 'cycls'; did you mean 'perf::CYCLES'"):
        ReportSheet.of("network", network(), View(sort="cycls"))
    assert ReportSheet.of("network", network(), View(sort="cycles")).sort == "perf::CYCLES"
