"""The trace of a recording: what Perfetto's importer of Trace Event JSON needs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from support.recordings import Made
from support.reports import HOSTILE
from support.traces import read_trace

from vmprof.recording.groups import groups_of
from vmprof.recording.tables import TIMED, UNRECORDED, Recording
from vmprof.recording.trace import render
from vmprof.runs.faults import SHARED_PMU


def slices(trace: str) -> list[dict[str, Any]]:
    """Those of invocations and calls, as they are in the file, which a viewer shows."""
    read_trace(trace)
    events = json.loads(trace)["traceEvents"]
    return [e for e in events if e["ph"] == "X" and e["cat"] != "recording"]


def recorded(invocations: int = 3, calls: int = 2) -> Recording:
    made = Made(columns=("cycles",))
    for number in range(invocations):
        turn = (TIMED, 1, UNRECORDED)[number % 3]
        made.add(turn, 9000, [("a", "float32[2]", 0, 3001), ("b", "", 1, 1000)][:calls])
    return made.recording()


def test_invocations_are_slices_and_calls_lie_inside_the_timed_ones() -> None:
    common = {"ph": "X", "pid": 1, "tid": 1}
    assert slices(render(recorded())) == [
        {
            "name": "main",
            "cat": "invocation",
            **common,
            "ts": 0.0,
            "dur": 9.0,
            "args": {"invocation": 0, "turn": "timed"},
        },
        {
            "name": "a",
            "cat": "call",
            **common,
            "ts": 0.0,
            "dur": 3.001,
            "args": {"Argument Shapes": "float32[2]"},
        },
        {"name": "b", "cat": "call", **common, "ts": 0.0, "dur": 1.0},
        {
            "name": "main (counted)",
            "cat": "invocation",
            **common,
            "ts": 1000.0,
            "dur": 9.0,
            "args": {"invocation": 1, "turn": "counters, pass 1", "cycles": 9000},
        },
        {
            "name": "main (not recorded)",
            "cat": "invocation",
            **common,
            "ts": 2000.0,
            "dur": 9.0,
            "args": {"invocation": 2, "turn": "not recorded"},
        },
    ]


def test_each_thread_has_a_track_and_labels_are_named() -> None:
    recording = recorded(6)
    invocations, totals = recording.invocations.copy(), recording.totals.copy()
    invocations["thread"] = [7, 8] * 3
    invocations["label"] = 1
    totals["label"] = 1
    recording = replace(
        recording, invocations=invocations, totals=totals, labels=("", "decode"), facts={}
    )
    trace = read_trace(render(recording))
    assert trace.threads == {(1, 7): "thread 7", (1, 8): "thread 8", (1, 9): "recording"}
    assert trace.processes == {1: "recording"}
    found = slices(render(recording))
    assert {event["tid"] for event in found} == {7, 8}
    assert {e["name"] for e in found if e["cat"] == "invocation"} == {
        "main [decode]",
        "main [decode] (counted)",
        "main [decode] (not recorded)",
    }
    # Calls are on the track of their invocation: the first and the fourth were timed.
    assert [event["tid"] for event in found if event["name"] == "a"] == [7, 8]
    assert trace.other == {"Not counted: cycles": "there is no PMU", "Invocations": "6 of 6"}


def test_of_one_function_alone() -> None:
    recording = recorded(6)
    invocations = recording.invocations.copy()
    invocations["label"][3:] = 1
    totals = np.concatenate([recording.totals, recording.totals])
    totals["label"][len(recording.totals) :] = 1
    totals["invocations"] = 1
    recording = replace(
        recording, invocations=invocations, totals=totals, labels=("", "decode"), facts={}
    )
    group = next(each for each in groups_of(recording) if each.label == 1)
    trace = render(recording, [group])
    assert json.loads(trace)["otherData"]["Invocations"] == "3 of 3"
    names = [event["name"] for event in slices(trace)]
    assert names == [
        *("main [decode]", "a", "b"),
        "main [decode] (counted)",
        "main [decode] (not recorded)",
    ]
    assert slices(trace)[0]["ts"] == 0


def test_counts_that_mean_nothing_are_left_out() -> None:
    recording = recorded(2)
    invocations = recording.invocations.copy()
    invocations["fault"][1] = SHARED_PMU
    (counted,) = (
        event
        for event in slices(render(replace(recording, invocations=invocations)))
        if event["name"] == "main (counted)"
    )
    assert counted["args"].keys() == {"invocation", "turn"}
    (counts,) = recording.counts
    never = replace(counts, shares=np.zeros(counts.values.shape))
    (counted,) = (
        event
        for event in slices(render(replace(recording, counts=(never,))))
        if event["name"] == "main (counted)"
    )
    assert counted["args"].keys() == {"invocation", "turn"}


def test_a_long_recording_is_thinned_in_every_turn_alike() -> None:
    trace = render(recorded(3000), most=700)
    found = slices(trace)
    assert len(found) <= 700
    about = json.loads(trace)["otherData"]
    assert about["Thinned"] == "every 16th of those kept"
    turns = [event["args"]["turn"] for event in found if event["cat"] == "invocation"]
    assert [turns.count(turn) for turn in ("timed", "counters, pass 1", "not recorded")] == [63] * 3
    assert found[0]["args"]["invocation"] == 0


def test_an_invocation_that_is_too_long_has_its_first_calls() -> None:
    made = Made()
    made.add(TIMED, 90_000, [("a", "", 0, 10)] * 500)
    trace = render(made.recording(), most=100)
    assert len(slices(trace)) == 100
    assert json.loads(trace)["otherData"]["Left out"] == "401 calls of those invocations"


def test_foreign_text_is_strict_json() -> None:
    made = Made()
    made.add(TIMED, 9000, [(name, "", 0, 1000) for name in (*HOSTILE, "\ud800")])
    trace = render(made.recording())
    trace.encode()
    assert [event["name"] for event in slices(trace)][1:] == [*HOSTILE, "\ud800"]


def test_a_recording_of_nothing_is_a_trace_of_nothing() -> None:
    assert slices(render(Made().recording())) == []


def test_the_recording_is_a_slice_with_what_is_said_of_it() -> None:
    trace = read_trace(render(recorded()))
    (whole,) = (one for one in trace.slices if one.category == "recording")
    assert (whole.begin, whole.end) == (0, max(one.end for one in trace.slices))
    assert whole.args == trace.other
    assert whole.args["Number of threads"] == 1


def test_counters_are_rates_of_the_counted_invocations_of_a_thread() -> None:
    recording = recorded(6)
    invocations = recording.invocations.copy()
    invocations["thread"] = [7, 7, 7, 8, 8, 8]
    trace = read_trace(render(replace(recording, invocations=invocations)))
    begin = 1_000_000
    assert trace.counters == {
        (1, "thread 7: cycles per us"): [(begin, 1000), (begin + 9000, 0)],
        (1, "thread 8: cycles per us"): [(4 * begin, 1000), (4 * begin + 9000, 0)],
    }
