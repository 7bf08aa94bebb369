"""Which rows and columns a report shows, in the plain table and on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.reports import HOSTILE, hostile, network

from vmprof import VmprofError
from vmprof.compare.readers import read_reports
from vmprof.report import Report
from vmprof.report.layers import by_layer
from vmprof.report.render import terminal
from vmprof.report.render.view import View, find_column, select, text
from vmprof.values import Count, Ratio, Samples

DATA = Path(__file__).parents[1] / "data"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_everything_is_tvms_table() -> None:
    assert text(network(), View()) == network().table()


def test_top_rows_and_the_rest() -> None:
    chosen = select(network(), View(top=1, sort="cycles"))
    assert [row["Name"] for row in chosen.rows] == ["fused_conv2d_add_relu"]
    assert chosen.rest is not None
    assert chosen.rest["Name"] == "(4 more)"
    # Derived columns are computed of what was summed, not averaged.
    assert chosen.rest["perf::CYCLES"] == Count(2 * (361_500 + 36_750 + 1_500))
    cycles, instructions = chosen.rest["perf::CYCLES"], chosen.rest["perf::INSTRUCTIONS"]
    assert isinstance(cycles, Count)
    assert isinstance(instructions, Count)
    assert chosen.rest["IPC"] == Ratio(instructions.value / cycles.value)
    assert chosen.sums["Count"] == Count(8)
    assert select(network(), View(top=9)).rest is None


def test_sorting_puts_numbers_first_and_nothing_last() -> None:
    names = [row["Name"] for row in select(network(), View(sort="flops")).rows]
    assert names[0] == "fused_conv2d_add_relu"
    assert names[-1] == "vm.builtin.alloc_tensor"
    by_name = [row["Name"] for row in select(network(), View(sort="name")).rows]
    assert by_name == sorted(map(str, by_name))


def test_columns_by_short_names() -> None:
    table = text(network(), View(top=1, columns=("cycles", "DURATION", "ipc")))
    header, row, rest, *_ = table.splitlines()
    assert re.split("  +", header.strip()) == ["Name", "perf::CYCLES", "Duration (us)", "IPC"]
    assert re.split("  +", row.strip()) == ["fused_conv2d_add_relu", "4,830,000", "1,610.00", "1.5"]
    assert rest.startswith("(4 more)  ")
    assert "perf::CACHE-MISSES: this processor" in table


@pytest.mark.parametrize("name", ["Duration (us)", "duration", "Duration", "duration (US)"])
def test_names_of_one_column(name: str) -> None:
    assert find_column(name, ["Name", "Duration (us)"]) == "Duration (us)"


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(VmprofError, match=r"no column 'cycels'; did you mean 'perf::CYCLES'\?"):
        select(network(), View(sort="cycels"))
    with pytest.raises(VmprofError, match="no column 'x'; it has: Name, Duration"):
        select(network(), View(columns=("x",)))


def test_the_terminal_says_what_disturbed_it_and_where_it_was() -> None:
    about = {"Kernel": "Linux 6.8.0 #1", "CPUs used by others": Ratio(0.4), "TVM": "0.27"}
    report = replace(network(), provenance=about)
    shown = terminal.render(report, View(), width=200, colour=True)
    plain = terminal.render(report, View(), width=200, colour=False)
    verdict = "quiet: standard deviation 1 % of the mean, though other processes took 40 % of a CPU"
    assert f"{verdict} (stop what else runs (top shows it), and measure again)\n" in plain
    assert plain.endswith("\n\nLinux 6.8.0, TVM 0.27 (all of it: --provenance)\n")
    samples = {**report.configuration, "Unprofiled mean (us) samples": Samples((1e3, 2e3, 3e3))}
    noisy = terminal.render(replace(report, configuration=samples), View(), width=200, colour=True)
    assert "\x1b[33mvery noisy: other processes took 40 % of a CPU; unprofiled ±50 %" in noisy
    assert "\x1b[33mquiet" not in shown


@pytest.mark.parametrize("width", [72, 120])
def test_terminal_golden(width: int) -> None:
    shown = terminal.render(network(), View(), width=width, colour=False)
    assert shown == (DATA / f"terminal-{width}.txt").read_text()


@pytest.fixture(scope="module")
def resnet50() -> Report:
    """As it was measured, without what only JSON has: 38 operators, with layers."""
    (saved,) = read_reports(DATA / "resnet50" / "report.json")
    return saved.report


@pytest.mark.parametrize("width", [80, 120, 200])
def test_many_operators_golden(resnet50: Report, width: int) -> None:
    shown = terminal.render(resnet50, View(), width=width, colour=False)
    assert shown == (DATA / "resnet50" / f"terminal-{width}.txt").read_text()


def test_layers_golden(resnet50: Report) -> None:
    shown = terminal.render(by_layer(resnet50, 2), View(), width=80, colour=False)
    assert shown == (DATA / "resnet50" / "layers-80.txt").read_text()


@pytest.mark.parametrize("width", range(60, 240, 13))
def test_operators_can_be_told_apart(resnet50: Report, width: int) -> None:
    rows = select(resnet50, View()).rows
    shown = terminal.render(resnet50, View(), width=width, colour=False).splitlines()
    first = next(number for number, line in enumerate(shown) if line.startswith("Name"))
    # Where shapes are folded, a row goes on in lines that begin with blanks.
    lines = [line for line in shown[first + 1 : shown.index("", first)] if line[0] != " "]
    names = [line.split("  ")[0] for line in lines]
    assert len(set(names)) == len({row["Name"] for row in rows})
    assert max(map(len, shown)) <= width


@pytest.mark.parametrize("width", range(60, 200, 7))
def test_terminal_lines_fit(width: int) -> None:
    shown = terminal.render(network(12), View(), width=width, colour=False)
    assert max(map(len, shown.splitlines())) <= width
    # The end of a name tells it from others, and stays.
    assert all(f"_relu_{number} " in shown for number in range(1, 13))


def test_colour_is_only_colour() -> None:
    plain = terminal.render(network(), View(), width=100, colour=False)
    coloured = terminal.render(network(), View(), width=100, colour=True)
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    stripped = [line.rstrip() for line in ANSI.sub("", coloured).splitlines()]
    assert stripped == plain.splitlines()


def test_columns_that_are_asked_for_are_shown_whatever_the_width() -> None:
    view = View(columns=("flops", "bytes", "cycles", "instructions", "shapes", "ipc"))
    with pytest.raises(VmprofError, match="no column 'shapes'"):
        terminal.render(network(), view, width=80, colour=False)
    view = View(columns=("flops", "bytes", "cycles", "ipc", "argument shapes"))
    shown = terminal.render(network(), view, width=80, colour=False)
    header = next(line for line in shown.splitlines() if line.startswith("Name"))
    assert header.split() == ["Name", "FLOPs", "Bytes", "cycles", "IPC", "Argument", "Shapes"]


def test_a_report_cannot_steer_the_terminal() -> None:
    shown = terminal.render(hostile(), View(), width=200, colour=False)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert HOSTILE[2] in shown
