"""The drawing of what was alive, of reports of ours and of anybody's."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import network

from vmprof.report.model import Report
from vmprof.report.render.html.memory import HEIGHT, LEFT, WIDE, Lane, short_bytes
from vmprof.values import ALIVE_AT_PEAK, LIVE_MEMORY, PEAK_AT, Metric, Samples


def with_memory(*curve: float, **facts: Metric) -> Report:
    report = network(1)
    return replace(
        report, configuration={**report.configuration, LIVE_MEMORY: Samples(curve), **facts}
    )


def test_an_area_with_steps() -> None:
    lane = Lane.of(with_memory(0, 0, 25, 1000, 50, 4000, 75, 0, 100, 2000))
    assert lane is not None
    corners = [tuple(map(float, corner.split(","))) for corner in lane.area.split()]
    right, bottom, top = lane.right, lane.bottom, lane.peak[1]
    quarter = (right - LEFT) / 4
    assert corners[0] == (LEFT, bottom)
    assert corners[-1] == (right, bottom)
    assert (LEFT + 2 * quarter, top) in corners
    # Up at once, then straight on.
    assert corners[3:5] == [(LEFT + quarter, bottom), (LEFT + quarter, bottom - (bottom - top) / 4)]
    assert lane.peak == (LEFT + 2 * quarter, top)
    assert lane.label == "4.00 kB"
    assert [label for _, label in lane.y_ticks] == ["1.00 kB", "2.00 kB", "3.00 kB", "4.00 kB"]
    assert lane.x_ticks[-1] == (right, "100 us")


def test_the_page_says_where_the_peak_is_and_foreign_text_is_text() -> None:
    facts = {PEAK_AT: "before <b>k</b>, call 1 of 2", ALIVE_AT_PEAK: "8 before k"}
    page = with_memory(0, 8, 1, 0, **facts).html()
    assert "<b>k</b>" not in page
    section = re.search(r'<section id="memory".*?</section>', page, re.DOTALL)
    assert section is not None
    assert "before &lt;b&gt;k&lt;/b&gt;, call 1 of 2" in section[0]
    assert "8 before k" in section[0]
    assert 'href="#memory"' in page
    without = network(1).html()
    assert 'id="memory"' not in without
    assert 'href="#memory"' not in without


@pytest.mark.parametrize(
    "curve",
    [(), (1,), (0, 1), (0, 1, 2), (0, 1, 1), (5, 1, 3, 1), (0, 0, 9, 0), (0, 1, 0, 1)],
)
def test_what_is_no_curve_is_not_drawn(curve: tuple[float, ...]) -> None:
    assert Lane.of(with_memory(*curve)) is None


@given(st.lists(st.floats() | st.integers(0, 10**12), max_size=12))
def test_whatever_a_report_holds_a_drawing_lies_in_its_frame(curve: list[float]) -> None:
    lane = Lane.of(with_memory(*curve))
    if lane is None:
        return
    for corner in lane.area.split():
        x, y = map(float, corner.split(","))
        assert 0 <= x <= WIDE
        assert 0 <= y <= HEIGHT
    assert len(lane.x_ticks) <= 9
    assert len(lane.y_ticks) <= 5
    assert all(math.isfinite(at) for at, _ in [*lane.x_ticks, *lane.y_ticks])


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (48, "48 B"), (999, "999 B"), (12_345_678, "12.3 MB")]
)
def test_bytes_as_people_read_them(value: float, text: str) -> None:
    assert short_bytes(value) == text
