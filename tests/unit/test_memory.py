"""From births and deaths of storages to what was alive when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import Made

from vmprof.recording import page, text
from vmprof.recording.groups import groups_of
from vmprof.recording.memory import MOST_NAMED, MOST_STEPS, Held, Memory, live_bytes, memory_in
from vmprof.recording.reports import reports
from vmprof.recording.summary import summary
from vmprof.recording.tables import CALL, TIMED, UNRECORDED, Recording
from vmprof.report.model import Report
from vmprof.runs.storages import ALIVE, ALLOCATION, EVENT, storage_table
from vmprof.values import LIVE_MEMORY, PEAK_MEMORY, Count, Samples

RELEASED = -1
ALLOC = ("vm.builtin.alloc_storage", "", 0, 10)


def kernel(name: str) -> tuple[str, str, int, int]:
    return (name, "float32[2]", 0, 10)


def recording(
    calls: list[tuple[str, str, int, int]], *allocations: tuple[int, int, int, int], times: int = 1
) -> Recording:
    made = Made()
    for _ in range(times):
        made.add(TIMED, 500_000, calls)
    return replace(made.recording(), allocations=np.array([*allocations], dtype=ALLOCATION))


def memory(of: Recording) -> Memory | None:
    (group,) = groups_of(of)
    return group.memory


# ---- of a recording -----------------------------------------------------------------------


def test_the_peak_and_what_is_alive_at_it() -> None:
    found = memory(
        recording(
            [ALLOC, kernel("a"), ALLOC, ALLOC, kernel("b"), ALLOC, kernel("c")],
            (0, 1, 6, 100),
            (0, 3, 8, 20),
            (0, 4, ALIVE, 3),
            (0, 6, ALIVE, 50),
        )
    )
    assert found is not None
    assert found.peaks.tolist() == [123]
    assert found.where == "before b, call 4 of 7"
    assert found.alive == (Held("a", 100, 1), Held("b", 23, 2))
    assert found.left == 53
    assert found.curve.tolist() == [0, 100, 120, 123, 73, 53]
    assert len(found.times_us) == len(found.curve)


def test_without_an_operator_behind_it() -> None:
    found = memory(recording([kernel("a"), ALLOC], (0, 2, ALIVE, 8)))
    assert found is not None
    assert found.where == "call 2 of 2"
    assert found.alive == (Held("", 8, 1),)


def test_the_invocation_with_most_is_shown() -> None:
    of = recording([ALLOC, kernel("a")], (2, 1, 3, 4), (0, 1, 3, 9), (1, 1, ALIVE, 30), times=3)
    found = memory(of)
    assert found is not None
    assert found.peaks.tolist() == [9, 30, 4]
    assert found.left == 30
    (report,) = reports(of).values()
    assert report.configuration["Peak memory at"] == (
        "before a, call 1 of 2, in that of 3 invocations with most; the least is 4"
    )


def test_it_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    of = recording([ALLOC, kernel("a")], (0, 1, ALIVE, 8))
    asked: list[int] = []

    def counting(*args: Any) -> Memory | None:
        asked.append(1)
        return memory_in(*args)

    monkeypatch.setattr("vmprof.recording.groups.memory_in", counting)
    assert "Peak memory (bytes): 8" in text.render(of)
    assert len(asked) == 1
    assert "Peak memory (bytes)" in page.render(of)
    assert len(asked) == 2


def test_what_was_not_seen_is_not_there() -> None:
    of = recording([kernel("a")])
    assert memory(of) is None
    (report,) = reports(of).values()
    assert PEAK_MEMORY not in report.configuration
    (line,) = summary(groups_of(of))
    assert PEAK_MEMORY not in line
    made = Made()
    made.add(UNRECORDED, 5)
    assert memory(made.recording()) is None


def test_a_report_says_it_all_and_comes_back_from_json() -> None:
    calls = [each for n in range(12) for each in (ALLOC, kernel(f"k{n}"))]
    of = recording(calls, *[(0, 1 + 2 * n, ALIVE, 1000 + n) for n in range(12)])
    (report,) = reports(of).values()
    configuration = report.configuration
    assert configuration[PEAK_MEMORY] == Count(12_066)
    assert configuration["Peak memory at"] == "before k11, call 23 of 24"
    named = str(configuration["Alive at the peak (bytes)"])
    assert named.startswith("1,011 before k11, 1,010 before k10, ")
    assert named.endswith(f", {1000 + 1001 + 1002 + 1003:,} before {12 - MOST_NAMED} others")
    curve = configuration[LIVE_MEMORY]
    assert isinstance(curve, Samples)
    assert curve.values[1::2] == (0, *np.cumsum(np.arange(1000, 1012)).tolist(), 12_066)
    assert Report.from_json(report.json()).configuration == configuration
    (line,) = summary(groups_of(of))
    assert line[PEAK_MEMORY] == Count(12_066)


def test_a_long_curve_keeps_its_peak() -> None:
    steps = 4 * MOST_STEPS
    calls = [ALLOC, kernel("a")] * steps
    sizes = [1 + n % 7 for n in range(steps)]
    sizes[1234] = 99
    found = memory(recording(calls, *[(0, 1 + 2 * n, 2 + 2 * n, s) for n, s in enumerate(sizes)]))
    assert found is not None
    assert found.peak == 99
    assert len(found.curve) == MOST_STEPS + 1
    assert found.curve.max() == 99
    assert (np.diff(found.times_us) >= 0).all()


# ---- properties -----------------------------------------------------------------------------


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, int]], list[dict[int, int]]]:
    """Invocations of so many calls; events (before, storage, bytes); what lives after each.

    A call's own storage is born while it is the last; deaths come after any call. What lives
    is by address; of each invocation only what it made itself, after each of its calls.
    """
    counts = draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    events: list[tuple[int, int, int]] = []
    living: list[dict[int, int]] = []
    older: set[int] = set()
    record = 0
    for count in counts:
        record += 1
        own: dict[int, int] = {}
        for call in range(count + 1):
            if call:
                record += 1
                if draw(st.booleans()):
                    address = draw(st.sampled_from(sorted(set(range(8)) - set(own) - older)))
                    own[address] = draw(st.integers(0, 100))
                    events.append((record, address, own[address]))
            living.append(dict(own))
            for address in draw(st.sets(st.sampled_from(range(8)))):
                if address in own or address in older:
                    events.append((record, address, RELEASED))
                    own.pop(address, None)
                    older.discard(address)
        older |= set(own)
        # Between invocations nobody tells.
        older -= draw(st.sets(st.sampled_from(range(8)), min_size=7))
    return counts, events, living


@given(runs())
def test_what_lives_is_what_was_born_and_did_not_die(
    drawn: tuple[list[int], list[tuple[int, int, int]], list[dict[int, int]]],
) -> None:
    counts, events, living = drawn
    sizes = np.array(counts) + 1
    firsts = np.cumsum(sizes) - sizes
    ids = 10 + np.arange(len(counts))
    rows = np.zeros(int(sizes.sum()), dtype=CALL)
    rows["invocation"] = np.repeat(ids, sizes)
    table = storage_table(
        np.array(events, dtype=EVENT), firsts, ids, np.arange(len(rows), dtype=np.int64)
    )
    assert len(table) == sum(size != RELEASED for *_, size in events)
    expected = [sum(each.values()) for each in living]
    assert live_bytes(rows, firsts, table).tolist() == expected
    ended = table["end"] != ALIVE
    assert (table["end"][ended] > table["call"][ended]).all()


def test_records_that_are_no_calls_have_no_place() -> None:
    # Records: the invocation, a call, two tasks of it, a call that makes a storage, a call.
    table = storage_table(
        np.array([(5, 0xA0, 64), (6, 0xA0, RELEASED)], dtype=EVENT),
        np.array([0]),
        np.array([7]),
        np.array([0, 1, 4, 5]),
    )
    assert table.tolist() == [(7, 2, 4, 64)]


@pytest.mark.parametrize("events", [[], [(1, 0xA0, RELEASED)]])
def test_nothing_was_made(events: list[tuple[int, int, int]]) -> None:
    table = storage_table(
        np.array(events, dtype=EVENT), np.array([0]), np.array([7]), np.array([0, 1])
    )
    assert len(table) == 0
