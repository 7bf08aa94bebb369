"""The page of a recording, without a browser (tests/browser has the rest)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import Elements, data_of
from support.recordings import Made
from support.reports import HOSTILE

from vmprof.recording.curves import Curves, thinned
from vmprof.recording.groups import groups_of
from vmprof.recording.page import render
from vmprof.recording.tables import TIMED, UNRECORDED, Function, Recording


def growing(steps: int = 40) -> Recording:
    """The first invocation is long, each later one longer than that before."""
    made = Made()
    for step in range(steps):
        cost = 50_000 if step == 0 else 1000 + 50 * step
        if step % 4 == 3:
            made.add(UNRECORDED, cost + 900)
            continue
        calls = [("attention", f"float32[1, {17 + step}]", 0, cost), ("inner", "", 1, 300)]
        made.add(TIMED, cost + 1000, [*calls, ("matmul", "float32[64]", 0, 700)])
    return made.recording()


def test_data_of_the_charts() -> None:
    (function,) = data_of(render(growing(12)))
    curves = function["curves"]
    assert curves["numbers"] == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert curves["threads"] is None
    assert curves["others"] == [
        {
            "counted": False,
            "how": "not recorded",
            "numbers": [3, 7, 11],
            "us": [2.05, 2.25, 2.45],
        }
    ]
    whole = [51, 2.05, 2.1, 2.2, 2.25, 2.3, 2.4, 2.45, 2.5]
    assert curves["whole"]["us"] == whole
    assert (curves["whole"]["first"], curves["whole"]["rest"]) == (51, pytest.approx(2.275))
    # By row of the table, longest first, without what the calls inside took.
    attention, matmul, inner = curves["rows"]
    assert attention["us"] == [49.7, 0.75, 0.8, 0.9, 0.95, 1, 1.1, 1.15, 1.2]
    assert matmul["us"] == [0.7] * 9
    assert inner["us"] == [0.3] * 9
    assert attention["growth"]["slopes"][0] == pytest.approx(0.05)
    assert matmul["growth"] is None


def test_counted_invocations_are_drawn_as_such() -> None:
    made = Made(columns=("cycles", "instructions"))
    for step in range(9):
        made.add((TIMED, 1, UNRECORDED)[step % 3], 1000 + step, [("a", "", 0, 100)])
    page = render(made.recording())
    (function,) = data_of(page)
    assert function["curves"]["numbers"] == [0, 3, 6]
    assert [(each["counted"], each["how"]) for each in function["curves"]["others"]] == [
        (False, "not recorded"),
        (True, "counted: cycles, instructions"),
    ]
    assert function["curves"]["others"][1]["numbers"] == [1, 4, 7]
    assert function["curves"]["others"][1]["us"] == [1.001, 1.004, 1.007]
    assert "diamonds were counted" in page


def test_the_timeline_is_the_invocation_of_median_length() -> None:
    (function,) = data_of(render(growing(12)))
    calls = function["calls"]
    assert (calls["row"], calls["depth"]) == ([0, 2, 1], [0, 1, 0])
    begins, at = [], 0
    for gap, took in zip(calls["gap"], calls["took"], strict=True):
        begins.append(at + gap)
        at = begins[-1] + took
    assert list(zip(begins, calls["took"], strict=True)) == [(0, 1300), (0, 300), (1300, 700)]
    assert calls["mean"] == [-300, 0, 0]  # without what the calls inside took


def test_calls_are_those_of_one_invocation() -> None:
    made = Made()
    made.add(TIMED, 9000, [("a", "", 0, 1000)] * 5 + [("b", "", 0, 100)])
    page = render(made.recording())
    assert '<dt>Calls</dt><dd class="value">6</dd>' in page
    assert (
        '<td class="number" data-label="time">5.00 us</td><td class="number" data-label="%">55.6'
        '</td><td class="number" data-label="calls">5</td>' in page
    )


def test_it_says_what_the_text_says() -> None:
    page = Elements(render(growing()))
    assert "main: attention grows by 50.0 ns with each invocation" in page.text
    assert "one problem" in page.text
    assert "VM 1: something is not seen" in page.text
    assert page.found["template"] == 1


def test_calls_that_an_invocation_does_not_make_are_gaps() -> None:
    made = Made()
    for step in range(8):
        made.add(TIMED, 1000, [("a", "", 0, 100), ("b", "", 0, 50)][: 1 + step % 2])
    (function,) = data_of(render(made.recording()))
    assert function["curves"]["rows"][1]["us"] == [None, 0.05] * 4


def test_foreign_text_adds_no_element() -> None:
    made = Made()
    for _ in range(3):
        made.add(TIMED, 9000, [(name, "", 0, 1000) for name in HOSTILE])
    plain = Elements(render(growing(3)))
    recording = replace(
        made.recording(),
        functions=(Function(HOSTILE[0], 0),),
        labels=(HOSTILE[2],),
        problems=HOSTILE,
        missing=dict.fromkeys(HOSTILE, HOSTILE[1]),
    )
    page = Elements(render(recording))
    assert page.found["script"] == plain.found["script"] == 3
    assert not page.found.keys() & {"img", "b"}
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert all(text in page.text for text in HOSTILE)


def test_a_recording_of_nothing() -> None:
    assert "no attached VM was called" in render(Made().recording())


def test_a_function_that_never_returned_has_a_line_and_no_view() -> None:
    made = Made()
    made.add(TIMED, 1000, failed=1)
    page = render(made.recording())
    assert "template" not in Elements(page).found
    assert '<th scope="row">main</th>' in page


def test_of_threads_each_has_its_number() -> None:
    recording = growing(4)
    invocations = recording.invocations.copy()
    invocations["thread"] = [1, 2, 1, 3]
    (function,) = data_of(render(replace(recording, invocations=invocations)))
    assert function["curves"]["threads"] == [1, 2, 1]


@pytest.mark.parametrize("by", ["operator", "shape"])
def test_long_recordings_stay_small(by: str) -> None:
    """However many operators there are, and however many invocations."""
    wide, long = Made(), Made()
    for _ in range(5):
        calls = [(f"{'fused' * 20}_{n}", "float32[1, 64], " * 8, 0, 10) for n in range(1500)]
        wide.add(TIMED, 100_000, calls)
    page = render(wide.recording(), by)
    assert len(page.encode()) < 2_500_000
    assert "(1,000 more)" in page
    for step in range(5000):
        long.add(TIMED, 1000 + step, [("a", f"float32[{step % 7}]", 0, 100)])
    page = render(long.recording(), by)
    assert len(page.encode()) < 200_000
    assert "Drawn are 299 of 5,000" in page


def test_what_has_no_room_is_named() -> None:
    made = Made()
    for _ in range(2):
        calls = [(f"{'fused' * 30}_{n}", "float32[1, 64], " * 30, 0, 10) for n in range(500)]
        made.add(TIMED, 100_000, calls)
    recording = made.recording()
    # The same again and again, as functions of their own.
    count, size = 9, len(recording.invocations)
    invocations = np.tile(recording.invocations, count)
    invocations["id"] = np.arange(len(invocations))
    invocations["function"] = np.repeat(np.arange(count), size)
    totals = np.tile(recording.totals, count)
    totals["function"] = np.repeat(np.arange(count), len(recording.totals))
    calls = np.tile(recording.calls, count)
    calls["invocation"] += size * np.repeat(np.arange(count), len(recording.calls))
    page = render(
        replace(
            recording,
            functions=tuple(Function(f"f{number}", 0) for number in range(count)),
            invocations=invocations,
            totals=totals,
            calls=calls,
        )
    )
    assert len(page.encode()) < 5_000_000
    views = Elements(page).found["template"]
    assert 0 < views < count
    assert "There was no room on this page for f" in page


@given(st.lists(st.integers(-5, 5), max_size=60), st.integers(3, 20))
def test_thinning_keeps_what_sticks_out(values: list[int], most: int) -> None:
    chosen = thinned(np.array(values, dtype=np.float64), most).tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= most
    assert len(chosen) == len(values) or len(values) > most
    if values:
        assert chosen[0] == 0
        assert max(values) in [values[place] for place in chosen]
        assert min(values) in [values[place] for place in chosen]


def test_first_and_rest_are_of_all_invocations_whatever_is_drawn() -> None:
    (group,) = groups_of(growing(400))
    few, all_of_them = (Curves.of(group, "operator", most) for most in (30, 1000))
    assert len(few.numbers) <= 30 < len(all_of_them.numbers) == few.timed == 300
    assert few.whole.rest == all_of_them.whole.rest
    assert {key: curve.rest for key, curve in few.rows.items()} == {
        key: curve.rest for key, curve in all_of_them.rows.items()
    }
