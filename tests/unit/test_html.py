"""What the page says, without a browser (tests/browser has the rest)."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate

from support.pages import Elements, data_of, embedded_of
from support.reports import HOSTILE, hostile, many_calls, network

from vmprof import Report
from vmprof.report.facts import facts
from vmprof.report.render.html.operators import OperatorTable
from vmprof.report.render.html.roofline import Chart
from vmprof.report.render.html.sections import counter_shares, kind_bars
from vmprof.report.render.html.timeline import MOST_CALLS
from vmprof.report.roofline import roofline
from vmprof.values import WINDOW, Duration, Samples


def test_foreign_text_adds_no_element() -> None:
    page = Elements(hostile().html())
    assert page.found["script"] == 3
    assert "img" not in page.found
    assert "b" not in page.found
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert all(text in page.text for text in HOSTILE)
    fragment = elements_of_fragment(hostile())
    assert "script" not in fragment
    assert "img" not in fragment


def elements_of_fragment(report: Report) -> set[str]:
    return set(re.findall(r"<([a-z]+)", report._repr_html_()))


def test_data_of_the_script() -> None:
    data = data_of(network(1).html())
    assert data["calls"] == {
        "skipped": [],
        "row": [0, 1, 2, 3],
        "gap": [5000, 250, 250, 250],
        "took": [800_000, 120_500, 12_250, 500],
        "depth": [],
        "mean": [0, 0, 0, 0],
        "samples": [
            [720_000, 800_000, 1_040_000],
            [108_450, 120_500, 156_650],
            [11_025, 12_250, 15_925],
            [450, 500, 650],
        ],
    }
    assert data["colours"] == [0, 0, 1, 2]
    assert data["made"] == 4
    assert data["left_out"] == []


def test_data_of_tasks() -> None:
    tasks = data_of(network(1, tasks=True).html())["tasks"]
    assert tasks == {
        "call": [0, 0, 1, 1],
        "thread": [0, 1, 0, 1],
        "begin": [1000, 2000, 1000, 2000],
        "took": [399_000, 797_000, 59_250, 117_500],
    }


def test_of_very_many_calls_the_longest_are_drawn() -> None:
    count = MOST_CALLS + 1000
    report = many_calls(count, us=1000.0)
    page = report.html()
    # Each lasts a millisecond or two: the numbers are long. Half of it is the report itself.
    assert len(page.encode()) < 12_000_000
    assert len(page.encode()) - len(embedded_of(page)) < 5_000_000
    data = data_of(page)
    calls = data["calls"]
    assert {name: len(column) for name, column in calls.items()} == {
        "skipped": MOST_CALLS,
        "row": MOST_CALLS,
        "gap": MOST_CALLS,
        "took": MOST_CALLS,
        "depth": 0,
        "mean": MOST_CALLS,
        "samples": 0,
    }
    assert data["made"] == count
    assert data["left_out"] == ["the 200,000 longest of 201,000 calls are shown"]
    assert "Here the 200,000 longest of 201,000 calls are shown." in page
    numbers = [*accumulate((1 + skipped for skipped in calls["skipped"]), initial=-1)][1:]
    window = report.calls[numbers[-1]][WINDOW]
    assert isinstance(window, Samples)
    assert sum(calls["gap"]) + sum(calls["took"]) == round(1e3 * window.values[1])
    shortest = min(calls["took"])
    dropped = set(range(count)) - set(numbers)
    assert all(took(report, number) <= shortest for number in dropped)


def took(report: Report, number: int) -> int:
    window = report.calls[number][WINDOW]
    assert isinstance(window, Samples)
    begin, end = window.values
    return round(1e3 * end) - round(1e3 * begin)


def test_the_page_is_the_same_each_time() -> None:
    assert network().html() == network().html()


def test_facts() -> None:
    shown = {fact.name: fact.value for fact in facts(network())}
    assert shown == {
        "Total": "1.89 ms",
        "Unprofiled": "1.85 ms ±1.0 %",
        "Disturbance": "1.02 x",
        "In no row": "12.0 us",
        "Empty call": "30.0 ns",
        "Threads": "2",
        "Calls": "8",
    }


def test_bars_are_shares_of_total() -> None:
    bars = kind_bars(network(), {"fused_conv2d_add_relu": 0})
    assert [(bar.name, bar.time, bar.share, bar.calls) for bar in bars] == [
        ("fused_conv2d_add_relu", "1.85 ms", "98.0", "4"),
        ("fused_softmax", "24.5 us", "1.3", "2"),
        ("vm.builtin.alloc_tensor", "1.00 us", "0.1", "2"),
    ]
    assert bars[0].length == 100
    assert (bars[0].colour, bars[1].colour) == (0, None)


def test_shares_of_counters() -> None:
    shares = counter_shares(network())
    assert shares.columns == ["Duration (us)", "CYCLES", "INSTRUCTIONS", "FLOPs", "Bytes"]
    for column in range(len(shares.columns)):
        values = [row[column] for _, _, row in shares.rows]
        assert abs(sum(value for value in values if value is not None) - 100) < 1e-9
    assert shares.rows[-1][2][3:] == [None, None]


def test_roofline_points_and_limits() -> None:
    data = roofline(network())
    assert (data.peak, data.bandwidth) == (100.0, 20.0)
    assert [point.name for point in data.points] == [
        "fused_conv2d_add_relu",
        "fused_conv2d_add_relu_1",
        "fused_conv2d_add_relu_2",
        "fused_softmax",
    ]
    slowest = data.points[0]
    assert slowest.intensity == 80.0
    assert slowest.gflops == 2 * 40_000_000 / 1610 / 1000
    rows = OperatorTable.of(network(), {}).merged
    chart = Chart.of(data, {}, rows)
    assert chart is not None
    for circle in chart.circles:
        assert chart.left < circle.x < chart.right
        assert chart.top < circle.y < chart.bottom
    assert "50 % of what the machine allows" in chart.circles[0].text
    # Higher is faster, further right needs more operations per byte.
    assert chart.circles[1].y < chart.circles[0].y
    assert chart.circles[3].x < chart.circles[0].x


def test_without_peaks_there_is_no_roof() -> None:
    report = network(peaks=False)
    chart = Chart.of(roofline(report), {}, OperatorTable.of(report, {}).merged)
    assert chart is not None
    assert chart.roofs == []
    assert "vmprof peaks" in report.html()


def test_what_rules_say_is_a_section() -> None:
    report = network()
    mean = "Unprofiled mean (us)"
    slow = replace(report, configuration={**report.configuration, mean: Duration(100.0)})
    assert 'id="advice"' not in report.html()
    assert "<h3>Measuring disturbed the run</h3>" in slow.html()
