"""Layers of the rows of a recording's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.recordings import Call, Made

from vmprof import VmprofError
from vmprof.program.layers import KernelCall, calls_left
from vmprof.recording import saved
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, Recording
from vmprof.values import LAYER

LAYERS = (KernelCall("a", "first"), KernelCall("b", "mid + last"), KernelCall("a", "third"))


def calls(*names: str, parent: int = 0) -> list[Call]:
    return [(name, "float32[2]", parent, 100) for name in names]


def cells(recording: Recording) -> dict[str, str]:
    (report,) = reports(recording).values()
    return {str(row["Name"]): str(row[LAYER]) for row in report.calls if LAYER in row}


def recorded(*invocations: Sequence[Call]) -> Recording:
    made = Made()
    for each in invocations:
        made.add(TIMED, 5000, each)
    return replace(made.recording(), layers={0: LAYERS})


def test_a_row_has_the_layers_of_all_its_calls() -> None:
    made = recorded(calls("a", "builtin", "b", "a"), calls("a", "builtin", "b", "a"))
    assert cells(made) == {"a": "first + third", "b": "mid + last"}
    assert cells(saved.loads(saved.dumps(made), "x")) == cells(made)
    assert cells(replace(made, layers={})) == {}


def test_shapes_that_differ_have_each_their_own() -> None:
    made = recorded([*calls("a", "b"), ("a", "float32[2, 2]", 0, 100)])
    (report,) = reports(made).values()
    found = {(row["Name"], row["Argument Shapes"]): row[LAYER] for row in report.calls}
    assert (found["a", "float32[2]"], found["a", "float32[2, 2]"]) == ("first", "third")


@pytest.mark.parametrize("other", [("a", "b"), ("b", "a", "a"), ("a", "b", "a", "a"), ()])
def test_invocations_that_called_others_tell_nothing(other: tuple[str, ...]) -> None:
    assert cells(recorded(calls(*other, "builtin"))) == {}
    both = recorded(calls(*other, "builtin"), calls("a", "b", "a", "builtin"))
    assert cells(both) == {"a": "first + third", "b": "mid + last"}


def test_what_is_called_inside_is_no_call_of_the_function() -> None:
    made = recorded([*calls("a", "b"), *calls("a", parent=2)])
    assert cells(made) == {}


def test_layers_of_a_function_that_is_not_there_are_refused() -> None:
    made = replace(recorded(calls("a")), layers={7: LAYERS})
    with pytest.raises(VmprofError, match="layers are of a function that is not there"):
        saved.loads(saved.dumps(made), "x")


def test_kernels_that_are_gone_are_left_out() -> None:
    assert calls_left(["x", "b"], LAYERS) == [LAYERS[1]]
    assert calls_left(["a", "a", "b"], LAYERS) == ()
    assert calls_left(["a", "a"], LAYERS) == [LAYERS[0], LAYERS[2]]
