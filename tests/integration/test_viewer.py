"""The viewer: what keys do in it, by textual's own pilot."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.commands import run
from support.recordings import Made
from support.reports import HOSTILE, network
from support.sampled_code import CODE, sampled_report
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static, TabbedContent

from vmprof.cli import interactive
from vmprof.cli.parser import make_parser
from vmprof.recording.saved import dumps
from vmprof.recording.tables import TIMED
from vmprof.report import Report
from vmprof.report.render.view import View
from vmprof.values import Duration, Ratio
from vmprof.viewer import browser
from vmprof.viewer.app import Viewer
from vmprof.viewer.functions import sheets_of
from vmprof.viewer.sheet import ReportSheet, Sheet

CONV, CONV_1, CONV_2 = (
    "fused_conv2d_add_relu",
    "fused_conv2d_add_relu_1",
    "fused_conv2d_add_relu_2",
)
DOCS = Path(__file__).parents[2] / "docs"
MLP = DOCS / "data/reports/mlp.json"
RESNET50 = DOCS / "pictures/resnet50.json"
SOFTMAX, ALLOC = "fused_softmax", "vm.builtin.alloc_tensor"


def sheet(report: Report, title: str = "network") -> ReportSheet:
    return ReportSheet.of(title, report, View())


def names(table: DataTable[Any]) -> list[str]:
    return [f"{table.get_row(key)[0]}" for key in table.rows]


def words(widget: Static) -> str:
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(widget.content)
    return capture.get()


def pilot(
    sheets: Sequence[Sheet], act: Callable[[Viewer, Pilot[None]], Awaitable[None]], width: int = 80
) -> None:
    async def main() -> None:
        app = Viewer(sheets)
        async with app.run_test(size=(width, 24)) as of_app:
            await of_app.pause()
            await act(app, of_app)

    asyncio.run(main())


# ---- keys ---------------------------------------------------------------------------------------


def test_keys_sort_filter_and_turn_round() -> None:
    async def act(app: Viewer, keys: Pilot[None]) -> None:
        table, legend = (
            app.screen.query_one("#rows", DataTable),
            app.screen.query_one("#legend", Static),
        )
        assert names(table) == [CONV, CONV_1, CONV_2, SOFTMAX, ALLOC]
        assert words(legend).startswith("5 of 5, by Time: microseconds: mean")
        assert "network on cpu0" in words(app.screen.query_one("#head", Static))
        await keys.press("S")
        assert names(table) == sorted([CONV, CONV_1, CONV_2, SOFTMAX, ALLOC])
        await keys.press("s", "r")
        assert names(table) == [ALLOC, SOFTMAX, CONV_1, CONV_2, CONV]
        await keys.press("slash", *"conv2d")
        assert names(table) == [CONV_1, CONV_2, CONV]
        assert words(legend).startswith("3 of 5, ")
        await keys.press("enter")
        assert app.focused is table
        await keys.press("escape")
        assert len(names(table)) == 5
        assert app.screen.query_one(Input).value == ""
        # A click on a column's name: the first of them is Name.
        await keys.click("#rows", offset=(2, 0))
        assert names(table)[0] == CONV
        await keys.click("#rows", offset=(2, 0))
        assert names(table)[0] == ALLOC

    pilot([sheet(network())], act)


def test_of_very_many_rows_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "_MOST_ROWS", 2)

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        table = app.screen.query_one("#rows", DataTable)
        assert names(table) == [CONV, CONV_1]
        assert words(app.screen.query_one("#legend", Static)).startswith(
            "the first 2 of 5, by Time"
        )
        await keys.press("r", "enter", "n")
        await keys.pause()
        assert SOFTMAX in words(app.screen.query(Static).first())

    pilot([sheet(network())], act)


def test_an_operator_is_opened_with_all_that_is_known_of_it() -> None:
    report = replace(network(), missing={"perf::CACHE-MISSES": "this machine has no PMU"})

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        await keys.press("enter")
        await keys.pause()
        said = words(app.screen.query_one("#part-1 Static", Static))
        assert "Bound: " in said
        assert "its operations need" in said
        assert "1.61 ms (1,610.00)" in said
        assert "this machine has no PMU" in said
        await keys.press("2")
        await keys.pause()
        calls = app.screen.query_one("#part-2 DataTable", DataTable)
        assert [f"{calls.get_row(key)[0]}" for key in calls.rows] == ["1", "5"]
        await keys.press("3")
        await keys.pause()
        assert "No rule has anything to say" in words(app.screen.query_one("#part-3 Static"))
        await keys.press("4")
        await keys.pause()
        assert "the report has no samples" in words(app.screen.query_one("#part-4 Static", Static))
        await keys.press("n")
        await keys.pause()
        assert CONV_1 in words(app.screen.query(Static).first())
        assert app.screen.query_one(TabbedContent).active == "part-4"
        await keys.press("escape", "question_mark")
        await keys.pause()
        assert "filter as you type" in words(app.screen.query_one(Static))
        await keys.press("escape", "i")
        await keys.pause()
        assert "Not counted" in words(app.screen.query_one(Static))
        await keys.press("q")
        assert not app.is_running

    pilot([sheet(report)], act)


def test_the_inside_of_a_sampled_operator() -> None:
    report = replace(sampled_report(), code=(CODE,))

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        await keys.press("enter", "4")
        await keys.pause()
        lines = app.screen.query_one("#part-4 DataTable", DataTable)
        shown = [[f"{cell}".strip() for cell in lines.get_row(key)] for key in lines.rows]
        assert ["75.0 %", "", "7", "y[i] = y[i] + x[k]"] in shown
        # The cursor is on the line that most samples are of.
        assert shown[lines.cursor_row][0] == "75.0 %"
        await keys.press("5")
        await keys.pause()
        steps = app.screen.query_one("#part-5 DataTable", DataTable)
        texts = [f"{steps.get_row(key)[-1]}".strip() for key in steps.rows]
        assert texts[0] == "kernel_compute_, 100.0 %"
        assert "| vaddss xmm0, xmm0, dword ptr [rdi]" in texts

    pilot([sheet(report)], act)


def test_there_may_be_no_code_and_no_row() -> None:
    nothing = Report((), {"cpu0": {}}, {})

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        await keys.press("enter", "5")
        await keys.pause()
        said = [words(each) for each in app.screen.query("#part-5 Static").results(Static)]
        assert said[-1] == "The machine code that its samples are in is not known.\n"
        await keys.press("escape", "n")
        await keys.pause()
        assert names(app.screen.query_one("#rows", DataTable)) == []
        await keys.press("s", "r", "enter", "i", "escape", "question_mark", "escape", "p")
        await keys.pause()
        assert names(app.screen.query_one("#rows", DataTable)) == ["kernel"]

    pilot([sheet(replace(sampled_report(), code=())), sheet(nothing, "nothing")], act)


def test_several_reports_have_a_tab_each_and_names_of_strangers_are_text() -> None:
    hostile = replace(
        network(),
        calls=tuple(
            {"Name": f"{name}[red]x[/red]", "Duration (us)": Duration(9.0 - at), "X": Ratio(1.0)}
            for at, name in enumerate((*HOSTILE, "[@click=app.quit]", "[/]"))
        ),
        configuration={"Model": "\x1b[2J[bold]m"},
        missing={"\x1b[31mred[/]": "[red]\nwhy"},
    )

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        await keys.press("n")
        await keys.pause()
        table = app.screen.query_one("#rows", DataTable)
        assert len(names(table)) == len(HOSTILE) + 2
        assert "[@click=app.quit][red]x[/red]" in names(table)
        assert all(name.isprintable() for name in names(table))
        await keys.press("enter", "2", "3", "4", "escape", "i", "escape", "question_mark", "escape")
        await keys.press("n")
        await keys.pause()
        assert names(table)[0] == CONV
        assert "\x1b" not in app.export_screenshot()

    pilot([sheet(network()), sheet(hostile, "[/]\x1b[2J")], act)


def test_functions_of_a_recording_lead_to_their_operators() -> None:
    made = Made()
    for _ in range(3):
        made.add(TIMED, 9_000, [("add", "", 0, 1_000), ("multiply", "", 0, 3_000)])
    recording = made.recording()
    name = recording.functions[0].name

    async def act_on_one(app: Viewer, keys: Pilot[None]) -> None:
        await keys.pause()
        assert names(app.screen.query_one("#rows", DataTable)) == ["multiply", "add"]

    pilot(sheets_of(recording, View()), act_on_one)
    twice = replace(
        recording,
        functions=(*recording.functions, replace(recording.functions[0], name="other")),
        totals=recording.totals.repeat(2),
    )
    twice.totals["function"][len(recording.totals) :] = 1

    async def act(app: Viewer, keys: Pilot[None]) -> None:
        table = app.screen.query_one("#rows", DataTable)
        assert names(table) == [name, "other"]
        await keys.press("down", "enter")  # of the other no invocation was kept
        assert names(table) == [name, "other"]
        await keys.press("i")
        await keys.pause()
        assert "something is not seen" in words(app.screen.query_one(Static))
        await keys.press("escape", "up", "enter")
        await keys.pause()
        assert names(table) == ["multiply", "add"]

    pilot(sheets_of(twice, View()), act)


# ---- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--interactive needs a terminal"),
        (["--json", "x.json"], "--json does not go with --interactive, which writes nothing"),
        (["--why", "conv"], "--why does not go with --interactive"),
        (["-"], "--interactive has standard input for its keys; name a file"),
    ],
)
def test_what_does_not_go_with_it_is_told(options: list[str], said: str) -> None:
    done = run("show", *options, *([] if "-" in options else [f"{MLP}"]), "--interactive")
    assert done.returncode == 1
    assert done.stderr.startswith(f"vmprof: error: {said}")
    assert done.stderr.count("\n") == 1


def test_commands_of_the_page_lead_to_sheets(tmp_path: Path) -> None:
    made = Made()
    made.add(TIMED, 9_000, [("add", "", 0, 1_000)])
    recording = made.recording()
    decode = replace(recording.functions[0], name="decode")
    saved = tmp_path / "run.vmprof"
    saved.write_bytes(dumps(replace(recording, functions=(decode,))))
    files = {"report.json": f"{RESNET50}", "run.vmprof": f"{saved}"}
    page = (DOCS / "how-to/interactive.md").read_text()
    found = []
    for line in re.findall(r"^    vmprof (show .*)$", page, re.MULTILINE):
        words = [files.get(word, word) for word in line.split()]
        options = make_parser(words).parse_args(words)
        assert options.interactive
        (only,) = interactive.sheets(options)
        found.append((only.title, f"{only.rows[0]['Name']}"))
    assert found == [
        ("resnet50", "fused_nn_contrib_conv2d_NCHWc_add_nn_relu_8"),
        ("resnet50", "stage3"),
        ("decode", "add"),
    ]


def test_without_textual_it_says_which_extra_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive, "_has_terminal", lambda: True)
    monkeypatch.delitem(sys.modules, "vmprof.viewer.app", raising=False)
    monkeypatch.delattr("vmprof.viewer.app", raising=False)
    monkeypatch.setitem(sys.modules, "textual.app", None)
    done = run("show", f"{MLP}", "--interactive")
    assert done.returncode == 1
    assert done.stderr == (
        "vmprof: error: --interactive needs textual: pip install 'tvm-vmprof[interactive]'\n"
    )
