"""The trace as PyTorch's profiler writes it: what TensorBoard's plugin and HTA look for in it.

The fields are those that torch_tb_profiler 0.4.3 and HolisticTraceAnalysis 0.5.0 read; both were
tried with such files.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from support.recordings import Made
from support.reports import hostile, network
from support.traces import read_trace

from vmprof import Report, VmprofError
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.recording.trace import document
from vmprof.report.render import kineto
from vmprof.values import WINDOW, Duration, Samples

_SLICE = {
    "type": "object",
    "required": ["ph", "name", "cat", "pid", "tid", "ts", "dur"],
    "properties": {
        "name": {"type": "string"},
        "cat": {"enum": ["cpu_op", "user_annotation", "task"]},
        "pid": {"type": "integer"},
        "tid": {"type": "integer"},
        "ts": {"type": "number"},
        "dur": {"type": "number", "minimum": 0},
        "args": {
            "type": "object",
            "properties": {
                "Input Dims": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "integer"}},
                },
                "Input type": {"type": "array", "items": {"type": "string"}},
            },
            "dependentRequired": {"Input Dims": ["Input type"]},
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["schemaVersion", "deviceProperties", "distributedInfo", "traceEvents"],
    "properties": {
        "schemaVersion": {"const": 1},
        "deviceProperties": {"type": "array"},
        "distributedInfo": {"type": "object", "required": ["backend", "rank", "world_size"]},
        "traceEvents": {
            "type": "array",
            "items": {"if": {"properties": {"ph": {"const": "X"}}}, "then": _SLICE},
        },
    },
}


def slices(text: str) -> list[dict[str, Any]]:
    read_trace(text)  # it is one that others open, too
    found = json.loads(text)
    jsonschema.validate(found, SCHEMA)
    assert '"rank": 0' in text  # HTA looks for that in the text
    return [event for event in found["traceEvents"] if event["ph"] == "X"]


def test_a_run_is_a_step_and_calls_are_operators() -> None:
    found = slices(network(2, tasks=True).kineto())
    step = found[0]
    assert (step["name"], step["cat"]) == ("ProfilerStep#0", "user_annotation")
    assert step["args"]["Repeats"] == 3
    operators = Counter(each["name"] for each in found if each["cat"] == "cpu_op")
    assert operators == Counter(str(call["Name"]) for call in network(2).calls)
    conv = next(each for each in found if each["cat"] == "cpu_op")
    assert conv["args"]["Input Dims"] == [[1, 64, 56, 56], [1, 64, 56, 56]]
    assert conv["args"]["Input type"] == ["float32", "float32"]
    assert conv["args"]["perf::CYCLES"] == 2_400_000
    tasks = {each["name"] for each in found if each["cat"] == "task"}
    assert tasks & operators.keys() == set()
    assert "task of fused_conv2d_add_relu" in tasks


def test_names_and_shapes_may_be_anything() -> None:
    found = slices(hostile().kineto())
    operators = [each for each in found if each["cat"] == "cpu_op"]
    assert [each["name"] for each in operators] == [call["Name"] for call in hostile().calls]
    assert all("Input Dims" not in each["args"] for each in operators)


@pytest.mark.parametrize(
    ("shapes", "dims"),
    [
        ("float32[], int64[2]", [[], [2]]),
        ("float32[1..5, 3]", None),
        ("float32[2], ", None),
        ("float32[1 2]", None),
        (f"float32[{'9' * 5000}]", None),
        ("float32[n]", None),
        ("", None),
    ],
)
def test_extents_are_numbers_or_not_there(shapes: str, dims: list[list[int]] | None) -> None:
    call = {
        "Name": "a",
        "Duration (us)": Duration(1.0),
        "Argument Shapes": shapes,
        WINDOW: Samples((0.0, 1.0)),
    }
    (operator,) = (
        each for each in slices(Report((call,), {}, {}).kineto()) if each["cat"] == "cpu_op"
    )
    assert operator.get("args", {}).get("Input Dims") == dims


def test_timed_invocations_are_steps() -> None:
    made = Made(columns=("cycles",))
    for number in range(6):
        turn = (TIMED, 1, UNRECORDED)[number % 3]
        made.add(turn, 9000, [("a", "float32[2]", 0, 3001)])
    found = slices(kineto.of_trace(document(made.recording())))
    steps = [each["ts"] for each in found if each["name"].startswith("ProfilerStep#")]
    assert [each["ts"] for each in found if each["name"] == "main"] == steps
    assert len(steps) == 2
    assert sum(each["cat"] == "cpu_op" for each in found) == 2


def test_a_report_without_times_has_none() -> None:
    calls = tuple({**call, WINDOW: Samples(())} for call in network(1).calls)
    with pytest.raises(VmprofError, match="does not say when its calls were"):
        replace(network(1), calls=calls).kineto()
