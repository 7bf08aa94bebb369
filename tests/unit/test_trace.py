"""The trace: what Perfetto's importer of Trace Event JSON needs, and our numbers in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.reports import hostile, network

from vmprof import Report, VmprofError

DATA = Path(__file__).parents[1] / "data"


def test_golden() -> None:
    document = json.loads(network(1).trace())
    assert document == json.loads((DATA / "trace.json").read_text())


def test_slices_are_the_calls_in_time() -> None:
    report = network(20)
    events = json.loads(report.trace())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in slices] == [call["Name"] for call in report.calls]
    assert slices[0] | {"args": None} == {
        "ph": "X",
        "name": "fused_conv2d_add_relu",
        "cat": "fused_conv2d_add_relu",
        "pid": 1,
        "tid": 1,
        "ts": 5.0,
        "dur": 800.0,
        "args": None,
    }
    assert slices[0]["args"]["Argument Shapes"] == "float32[1, 64, 56, 56], float32[1, 64, 56, 56]"
    assert slices[0]["args"]["perf::CYCLES"] == 2_400_000
    times = [event["ts"] for event in events if "ts" in event]
    assert times == sorted(times)


def test_counters_are_rates_while_a_call_lasts() -> None:
    events = json.loads(network(1).trace())["traceEvents"]
    track = [event for event in events if event["name"] == "perf::CYCLES per us"]
    assert [event["args"]["rate"] for event in track] == [3000, 0] * 4
    assert [event["ts"] for event in track[:3]] == [5.0, 805.0, 805.25]


def test_foreign_text_is_json() -> None:
    names = [e["name"] for e in json.loads(hostile().trace())["traceEvents"] if e["ph"] == "X"]
    assert names == [call["Name"] for call in hostile().calls]


def test_a_report_without_times_is_refused() -> None:
    report = Report.from_json((DATA / "tvm-0.23-mlp" / "report.json").read_text())
    with pytest.raises(VmprofError, match="does not say when its calls were"):
        report.trace()


def test_workers_tasks_are_slices_of_their_threads() -> None:
    report = network(1, tasks=True)
    assert Report.from_json(report.json()) == report
    events = json.loads(report.trace())["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names == {1: "VM", 2: "worker 1"}
    tasks = [(e["tid"], e["name"], e["ts"], e["dur"]) for e in events if e.get("cat") == "task"]
    assert tasks == [
        (1, "fused_conv2d_add_relu", 6.0, 399.0),
        (2, "fused_conv2d_add_relu", 7.0, 797.0),
        (1, "fused_conv2d_add_relu_1", 806.25, 59.25),
        (2, "fused_conv2d_add_relu_1", 807.25, 117.5),
    ]


def test_calls_that_have_different_columns_are_all_there() -> None:
    report = network(6)
    calls = tuple(
        call if number % 2 else {**call, "Layout": f"of {number}"}
        for number, call in enumerate(report.calls)
    )
    events = json.loads(replace(report, calls=calls).trace())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [event["name"] for event in slices] == [call["Name"] for call in calls]
    assert [event["args"].get("Layout") for event in slices] == [c.get("Layout") for c in calls]
    without = [event for event in json.loads(report.trace())["traceEvents"] if event["ph"] == "C"]
    assert [event for event in events if event["ph"] == "C"] == without
