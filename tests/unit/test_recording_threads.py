"""What a recording says of the threads that called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.pages import data_of
from support.recordings import Made

from vmprof.recording import page, text
from vmprof.recording.groups import groups_of
from vmprof.recording.reports import reports
from vmprof.recording.summary import summary
from vmprof.recording.tables import TIMED, UNRECORDED, Recording
from vmprof.values import Count, Duration


def recorded(threads: tuple[int, ...] = (7, 8, 7, 7, 8, 8), stride: int = 1) -> Recording:
    made = Made()
    for number in range(len(threads)):
        made.add(UNRECORDED if number == 5 else TIMED, 1000 * (number + 1), [("a", "", 0, 100)])
    recording = made.recording()
    invocations, totals = recording.invocations.copy(), recording.totals.copy()
    invocations["thread"] = threads
    totals["stride"] = stride
    return replace(recording, invocations=invocations, totals=totals)


def test_the_summary_says_how_many_threads_called() -> None:
    (row,) = summary(groups_of(recorded()))
    assert row["Threads"] == Count(2)
    (row,) = summary(groups_of(recorded((7,) * 6)))
    assert "Threads" not in row


def test_by_thread_each_has_a_line_and_a_table() -> None:
    recording = recorded()
    lines = summary(groups_of(recording, "thread"))
    assert [(line["Function"], line["Invocations"], line["Sum (us)"]) for line in lines] == [
        ("main, thread 8", Count(3), Duration(13.0)),
        ("main, thread 7", Count(3), Duration(8.0)),
    ]
    assert not any("Threads" in line for line in lines)
    built = reports(recording, "thread")
    assert [*built] == ["main, thread 8", "main, thread 7"]
    assert built["main, thread 8"].configuration["Repeats"] == Count(2)
    assert built["main, thread 8"].configuration["Unprofiled mean (us)"] == Duration(6.0)
    assert "Evaluate vm inference cost of main, thread 7" in text.render(recording, by="thread")
    assert len(data_of(page.render(recording, "thread"))) == 2


@pytest.mark.parametrize("stride", [1, 4])
def test_of_a_thread_no_more_is_known_than_of_what_was_kept(stride: int) -> None:
    (kept, *_) = reports(recorded(stride=stride), "thread").values()
    said = str(kept.configuration.get("Kept", ""))
    assert said.endswith("of a thread, numbers and sums are of those") == (stride > 1)
