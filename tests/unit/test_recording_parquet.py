"""A recording as Parquet: each call of each invocation, as it was."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from support.recordings import Made

from vmprof.recording.groups import groups_of
from vmprof.recording.parquet import render
from vmprof.recording.tables import TIMED, UNRECORDED, CountedPass, Recording
from vmprof.runs.faults import SHARED_PMU
from vmprof.values import Ratio

CALLS = [("a", "float32[2]", 0, 3001), ("b", "", 1, 1000)]


def recorded(column: str = "perf::CYCLES", invocations: int = 3) -> Recording:
    made = Made(columns=(column,))
    for number in range(invocations):
        made.add((TIMED, 1, UNRECORDED)[number % 3], 9000, CALLS)
    return made.recording()


def rows(recording: Recording) -> list[dict[str, Any]]:
    """Without what is null."""
    found = pq.read_table(io.BytesIO(render(recording))).to_pylist()
    return [{name: cell for name, cell in row.items() if cell is not None} for row in found]


def test_calls_have_times_where_timed_and_counts_where_counted() -> None:
    of_main = {"Function": "main", "Thread": 1, "Raised": False}
    a = {**of_main, "Call": 1, "Parent": 0, "Name": "a", "Argument Shapes": "float32[2]"}
    b = {**of_main, "Call": 2, "Parent": 1, "Name": "b", "Argument Shapes": ""}

    def times(begin: float, end: float) -> dict[str, float]:
        return {"Begin (us)": begin, "End (us)": end, "Duration (us)": end - begin}

    timed = {"Invocation": 0, "Turn": "timed"}
    counted = {"Invocation": 1, "Turn": "pass 1"}
    assert rows(recorded()) == [
        {**of_main, **timed, "Call": 0, **times(0, 9)},
        {**a, **timed, **times(0, 3.001)},
        {**b, **timed, **times(0, 1)},
        {**of_main, **counted, "Call": 0, **times(1000, 1009), "perf::CYCLES": 9000},
        {**a, **counted, "perf::CYCLES": 3001},
        {**b, **counted, "perf::CYCLES": 1000},
        {**of_main, "Invocation": 2, "Turn": "not recorded", "Call": 0, **times(2000, 2009)},
    ]


def test_metadata_say_where_it_comes_from_and_what_could_not_be_counted() -> None:
    recording = replace(recorded(), provenance={"Load at start": Ratio(0.5)})
    schema = pq.read_table(io.BytesIO(render(recording))).schema
    assert schema.metadata[b"provenance"] == b'{"Load at start":0.5}'
    assert schema.field("cycles").metadata == {b"not counted": b"there is no PMU"}
    assert schema.field("Begin (us)").metadata == {b"unit": b"us"}


def test_what_cannot_be_believed_is_null() -> None:
    recording = recorded(invocations=6)
    faulty = recording.invocations.copy()
    faulty["fault"][1] = SHARED_PMU
    found = rows(replace(recording, invocations=faulty))
    assert Counter(row["Invocation"] for row in found if "perf::CYCLES" in row) == {4: 3}
    # Counters that took turns: each value has the part of the time in which it was counted.
    (counts,) = recording.counts
    shares = np.full(counts.values.shape, 0.5)
    shares[1] = 0
    turns = replace(
        recording,
        counts=(replace(counts, shares=shares),),
        passes=(CountedPass(("perf::CYCLES",), "by hand", multiplexed=True),),
    )
    shown = [(row.get("perf::CYCLES"), row.get("perf::CYCLES counted")) for row in rows(turns)]
    assert [each for each in shown if each[1] is not None][:3] == [
        (9000, 0.5),
        (None, 0.0),
        (1000, 0.5),
    ]


def test_an_event_of_any_name_has_a_column_of_its_own() -> None:
    for event, column in (("Call", "Call (event)"), ("x\ud800", "x\ufffd")):
        assert [row[column] for row in rows(recorded(event)) if column in row] == [9000, 3001, 1000]


def test_the_functions_that_are_asked_for() -> None:
    recording = recorded()
    assert render(recording, groups_of(recording)) == render(recording)
    assert pq.read_table(io.BytesIO(render(recording, []))).num_rows == 0
