"""What the page says, without a browser (tests/browser has the rest)."""

from __future__ import annotations

import re

from support.pages import Elements, data_of
from support.reports import HOSTILE, hostile, network

from vmprof import Report
from vmprof.report.facts import facts
from vmprof.report.render.html.roofline import Chart
from vmprof.report.render.html.sections import counter_shares, kind_bars
from vmprof.report.roofline import roofline


def test_foreign_text_adds_no_element() -> None:
    page = Elements(hostile().html())
    assert page.found["script"] == 2
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
    first, *_ = data_of(network(1).html())["calls"]
    assert first == {
        "row": 0,
        "begin": 5.0,
        "end": 805.0,
        "depth": 0,
        "colour": 0,
        "mean": 800.0,
        "samples": [720.0, 800.0, 1040.0],
    }


def test_the_page_is_the_same_each_time() -> None:
    assert network().html() == network().html()


def test_facts() -> None:
    shown = {fact.name: fact.value for fact in facts(network())}
    assert shown == {
        "Total": "1.89 ms",
        "Unprofiled": "1.85 ms",
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
        values = [row[column] for _, row in shares.rows]
        assert abs(sum(value for value in values if value is not None) - 100) < 1e-9
    assert shares.rows[-1][1][3:] == [None, None]


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
    assert data.attainable(1.0) == 20.0
    assert data.attainable(80.0) == 100.0
    chart = Chart.of(data, {})
    assert chart is not None
    for circle in chart.circles:
        assert chart.left < circle.x < chart.right
        assert chart.top < circle.y < chart.bottom
    assert "50 % of what the machine allows" in chart.circles[0].text
    # Higher is faster, further right needs more operations per byte.
    assert chart.circles[1].y < chart.circles[0].y
    assert chart.circles[3].x < chart.circles[0].x


def test_without_peaks_there_is_no_roof() -> None:
    chart = Chart.of(roofline(network(peaks=False)), {})
    assert chart is not None
    assert chart.roof == ""
    assert "vmprof peaks" in network(peaks=False).html()
