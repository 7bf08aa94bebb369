"""The trace: what Perfetto's importer of Trace Event JSON needs, and our numbers in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import hostile, network
from support.traces import Slice, read_trace

from vmprof import Report, VmprofError
from vmprof.values import NOT_COUNTED, WINDOW, Metric, Ratio, Samples

DATA = Path(__file__).parents[1] / "data"


def test_golden() -> None:
    document = json.loads(network(1).trace())
    assert document == json.loads((DATA / "trace.json").read_text())


def calls_of(report: Report) -> list[Slice]:
    other = ("run", "function", "task")
    return [one for one in read_trace(report.trace()).slices if one.category not in other]


def test_slices_are_the_calls_in_time() -> None:
    report = network(20)
    slices = calls_of(report)
    assert [one.path for one in slices] == [
        ["run of network", call["Name"]] for call in report.calls
    ]
    first = slices[0]
    assert (first.begin, first.end, first.category) == (5_000, 805_000, "fused_conv2d_add_relu")


def test_values_are_numbers_and_their_names_have_units() -> None:
    first = calls_of(network(1))[0].args
    assert first == {
        "Duration (us)": 800.0,
        "Duration of the repeats (us)": [720.0, 800.0, 1040.0],
        "Argument Shapes": "float32[1, 64, 56, 56], float32[1, 64, 56, 56]",
        "perf::CYCLES": 2_400_000,
        "perf::INSTRUCTIONS": 3_600_000,
        "FLOPs": 40_000_000,
        "Bytes": 500_000,
        "Percent (%)": 84.7233,
        "GFLOP/s": 50.0,
        "FLOP/byte": 80.0,
        "IPC": 1.5,
    }
    none = network(1)
    calls = ({**none.calls[0], "IPC": Ratio(float("nan")), "perf::CYCLES": NOT_COUNTED},)
    assert {"IPC", "perf::CYCLES"} & calls_of(replace(none, calls=calls))[0].args.keys() == set()


def test_the_run_is_a_slice_that_says_how_it_was_measured() -> None:
    report = network(1)
    trace = read_trace(report.trace())
    run = trace.slices[0]
    assert (run.name, run.begin) == ("run of network", 0)
    assert run.args["Duration (us)"] == report.total.time_us
    assert run.args["Number of threads"] == 2
    assert run.args["Not counted: perf::CACHE-MISSES"] == report.missing["perf::CACHE-MISSES"]
    assert trace.other == run.args
    # The calls are those of the run of median length.
    total = {**report.device_metrics["cpu0"], "Duration (us) samples": Samples((2e3, 1e3, 3e3))}
    report = replace(report, device_metrics={"cpu0": total})
    assert read_trace(report.trace()).slices[0].end == 2_000_000


def test_functions_lie_around_their_calls() -> None:
    """A call may lie around a function that it calls back, and begin with it."""
    paths = {
        "a": ("main", 0, 10),
        "b": ("main > double", 20, 30),
        "c": ("main > double", 40, 50),
        "invoke": ("main", 60, 100),
        "d": ("main > apply > double", 60, 70),
        "e": ("main > apply", 80, 90),
        "f": ("main", 110, 120),
        "g": ("other", 130, 140),
    }
    calls = tuple(
        {"Name": name, "Call path": path, WINDOW: Samples((float(begin), float(end)))}
        for name, (path, begin, end) in paths.items()
    )
    trace = read_trace(Report(calls, {}, {}).trace())
    assert [" > ".join(one.path[1:]) for one in trace.slices[1:]] == [
        "main",
        "main > a",
        "main > double",
        "main > double > b",
        "main > double > c",
        "main > invoke",
        "main > invoke > apply",
        "main > invoke > apply > double",
        "main > invoke > apply > double > d",
        "main > invoke > apply > e",
        "main > f",
        "other",
        "other > g",
    ]
    ends = {one.name: one.end for one in trace.slices if one.category == "function"}
    assert ends == {"main": 120_000, "double": 70_000, "apply": 90_000, "other": 140_000}


def test_counters_are_rates_while_a_call_lasts() -> None:
    track = read_trace(network(1).trace()).counters[1, "perf::CYCLES per us"]
    assert [value for _, value in track] == [3000, 0] * 4
    assert [at for at, _ in track[:3]] == [5_000, 805_000, 805_250]


def test_counters_of_each_thread() -> None:
    report = network(1, tasks=True)
    parts = {"perf::CYCLES per thread": Samples((1_600_000.0, 800_000.0))}
    report = replace(report, calls=({**report.calls[0], **parts}, *report.calls[1:]))
    trace = read_trace(report.trace())
    assert trace.counters[1, "VM: perf::CYCLES per us"] == [(5_000, 2000), (805_000, 0)]
    assert trace.counters[1, "worker 1: perf::CYCLES per us"] == [(5_000, 1000), (805_000, 0)]
    assert trace.counters[1, "perf::CYCLES per us"][0] == (5_000, 3000)


def test_foreign_text_is_json() -> None:
    assert [one.name for one in calls_of(hostile())] == [call["Name"] for call in hostile().calls]


def test_a_report_without_times_is_refused() -> None:
    report = Report.from_json((DATA / "tvm-0.23-mlp" / "report.json").read_text())
    with pytest.raises(VmprofError, match="does not say when its calls were"):
        report.trace()


def test_workers_tasks_are_slices_of_their_threads_and_arrows_lead_there() -> None:
    report = network(1, tasks=True)
    assert Report.from_json(report.json()) == report
    trace = read_trace(report.trace())
    assert trace.threads == {(1, 1): "VM", (1, 2): "worker 1"}
    tasks = [one for one in trace.slices if one.category == "task"]
    assert [(one.track[1], one.name, one.begin, one.end) for one in tasks] == [
        (1, "fused_conv2d_add_relu", 6_000, 405_000),
        (2, "fused_conv2d_add_relu", 7_000, 804_000),
        (1, "fused_conv2d_add_relu_1", 806_250, 865_500),
        (2, "fused_conv2d_add_relu_1", 807_250, 924_750),
    ]
    assert [(call.begin, task.begin, task.track[1]) for call, task in trace.flows] == [
        (5_000, 7_000, 2),
        (805_250, 807_250, 2),
    ]


def test_calls_that_have_different_columns_are_all_there() -> None:
    report = network(6)
    calls = tuple(
        call if number % 2 else {**call, "Layout": f"of {number}"}
        for number, call in enumerate(report.calls)
    )
    changed = replace(report, calls=calls)
    slices = calls_of(changed)
    assert [one.name for one in slices] == [call["Name"] for call in calls]
    assert [one.args.get("Layout") for one in slices] == [call.get("Layout") for call in calls]
    assert read_trace(changed.trace()).counters == read_trace(report.trace()).counters


_LENGTHS = st.integers(0, 3)
# Whether it is a call or a function, the nanoseconds before it and at its end, what is inside.
_TREES = st.recursive(
    st.tuples(st.booleans(), _LENGTHS, _LENGTHS, st.just(())),
    lambda inner: st.tuples(st.booleans(), _LENGTHS, _LENGTHS, st.lists(inner, max_size=4)),
    max_leaves=20,
)


@given(st.lists(_TREES, max_size=5))
def test_whatever_the_times_are_a_viewer_shows_it(trees: list[Any]) -> None:
    """Calls after and inside one another, in whatever functions, that begin and end together."""
    calls: list[dict[str, Metric]] = []

    def add(tree: Any, at: int, path: str) -> int:
        is_call, before, behind, inside = tree
        begin = at = at + before
        place = len(calls)
        if is_call:
            calls.append({"Name": f"kernel {place}", "Call path": path})
        for each in inside:
            at = add(each, at, f"{path} > f{len(inside)}")
        if is_call:
            calls[place][WINDOW] = Samples((begin / 1e3, (at + behind) / 1e3))
        return at + behind

    end = 0
    for tree in trees:
        end = add(tree, end, "main")
    report = Report(tuple(calls), {}, {})
    if not calls:
        return
    names = [one.name for one in calls_of(report)]
    assert sorted(names) == sorted(str(call["Name"]) for call in calls)
