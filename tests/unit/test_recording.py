"""Native records -> columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from support.records import COLUMNS, NO_TENSOR, SIGNATURES, TWO_TENSORS, recording

from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.run import NOTHING, Activation, Run, call_paths

CALLS = [(3, TWO_TENSORS, 100, 350, [7, 0]), (1, NO_TENSOR, 400, 410, [1, 2**40])]


def test_columns() -> None:
    run = recording(CALLS, (1000, [20, 2**41]))
    assert run.sites.tolist() == [3, 1]
    assert run.shapes == ("float32[1, 784], float32[1, 10]", "")
    assert run.parents.tolist() == [-1, -1]
    assert run.durations_ns is not None
    assert run.durations_ns.tolist() == [250, 10]
    assert run.total_ns == 1000
    assert run.counts is not None
    assert run.counts.values.tolist() == [[7, 0], [1, 2**40]]
    assert run.counts.total.tolist() == [20, 2**41]
    assert (run.counts.shares, run.counts.total_shares) == (None, None)
    assert run.fault is None


def test_what_was_not_read_is_absent() -> None:
    run = recording(CALLS, (1000, [20, 30]), timed=False)
    assert (run.durations_ns, run.total_ns) == (None, None)
    run = recording(CALLS, (1000, [20, 30]), counted=False)
    assert (run.counts, run.fault) == (None, None)


@pytest.mark.parametrize("record", [0, 1, 2])
def test_a_failed_read_leaves_no_counts(record: int) -> None:
    run = recording(CALLS, (1000, [20, 30]), failed_reads=[record])
    assert run.fault is not None
    assert "a reading of the counters failed during the run" in run.fault
    assert run.counts is None
    assert run.total_ns == 1000


def test_counters_that_lost_their_place_leave_no_counts() -> None:
    run = recording(CALLS, (1000, [20, 30]), running=[0.5])
    assert run.fault is not None
    assert "the counters ran 50 % of the time" in run.fault
    assert run.counts is None


def test_on_a_hybrid_the_core_pmus_are_summed_and_never_scaled() -> None:
    """The thread spent three quarters of its time on one kind of core."""
    three = Layout(COLUMNS, ((0,), (0,), (1,)))
    calls = [(3, TWO_TENSORS, 0, 400, [80, 100]), (1, NO_TENSOR, 0, 400, [40, 0])]
    run = recording(calls, (800, [120, 100]), layout=three, running=[0.75, 0.25, 1])
    assert run.fault is None
    assert run.counts is not None
    assert run.counts.values.tolist() == [[80, 100], [40, 0]]
    assert run.counts.total.tolist() == [120, 100]
    assert run.counts.shares is None
    run = recording(calls, (800, [120, 100]), layout=three, running=[0.5, 0.25, 1])
    assert run.fault is not None
    assert "the counters ran 75 % of the time" in run.fault


def with_times(times: Sequence[tuple[int, int]], layout: Layout, *, begin: int = 0) -> Run:
    """A run without calls, whose sources were enabled and ran for these nanoseconds."""
    records = np.zeros(1, dtype=record_dtype(layout))
    records["site"] = -1
    for number, (enabled, running) in enumerate(times):
        for end, at in (("before", (begin, begin)), ("after", (begin + enabled, begin + running))):
            reading = records[end][str(number)]
            reading["count"] = len(layout.sources[number])
            reading["enabled_ns"], reading["running_ns"] = at
    return Run.of_records(records, SIGNATURES, layout, timed=False)


# A hybrid's two groups of one event; read one after the other, within 500 ns.
TURNS = Layout(("a",), ((0,), (0,)), skew_ns=500)


@pytest.mark.parametrize(
    "times",
    [
        [(10_000_000, 10_000_000), (10_000_080, 0)],
        [(10_000_080, 10_000_080), (10_000_000, 0)],
        [(10_000_000, 0), (10_000_080, 10_000_080)],
        # It moved in between, from the group that is read first to the other, and back.
        [(10_000_000, 4_000_000), (10_000_080, 6_000_300)],
        [(10_000_000, 4_000_000), (10_000_080, 5_999_600)],
    ],
)
def test_times_that_are_read_one_after_the_other_differ(times: list[tuple[int, int]]) -> None:
    assert with_times(times, TURNS).fault is None


def test_what_the_reading_cannot_explain_is_lost() -> None:
    run = with_times([(10_000_000, 4_000_000), (10_000_080, 5_999_000)], TURNS)
    assert run.fault is not None
    assert "the counters ran 99.99 % of the time" in run.fault
    # A group of its own has its times from one reading: there is nothing to explain.
    run = with_times([(10_000_000, 9_999_999)], Layout(("a",), ((0,),), skew_ns=500))
    assert run.fault is not None
    assert "the counters ran 99.99 % of the time" in run.fault


def test_a_group_that_stayed_off_has_no_counts() -> None:
    two = Layout(("a", "b"), ((0,), (1,)))
    for layout in (two, replace(two, multiplexed=True)):
        run = with_times([(1000, 1000), (0, 0)], layout, begin=70)
        assert run.fault is not None
        assert run.fault.startswith("b stayed off in the whole run")
        assert run.counts is None


def test_what_always_counts_takes_no_turns() -> None:
    """A collector, read beside groups that are multiplexed."""
    layout = Layout(COLUMNS, ((0,), (1,)), multiplexed=True, untimed=frozenset({1}))
    calls = [(3, TWO_TENSORS, 0, 400, [80, 100])]
    run = recording(calls, (800, [120, 300]), layout=layout, running=[0.5, 1.0], untimed=[1])
    assert run.counts is not None
    assert run.counts.values.tolist() == [[80, 100]]
    assert run.counts.total.tolist() == [120, 300]
    assert run.counts.shares is not None
    assert run.counts.shares.tolist() == [[0.5, 1]]


def test_multiplexed_values_are_scaled_and_say_their_share() -> None:
    turns = Layout(COLUMNS, ((0,), (1,)), multiplexed=True)
    calls = [(3, TWO_TENSORS, 0, 400, [80, 100]), (1, NO_TENSOR, 0, 400, [40, 8])]
    run = recording(calls, (800, [120, 100]), layout=turns, running=[0.25, 0.0])
    assert run.fault is None
    assert run.counts is not None
    assert run.counts.values[:, 0].tolist() == [80, 40]
    assert run.counts.total[0] == 120
    assert run.counts.shares is not None
    assert run.counts.shares.tolist() == [[0.25, 0], [0.25, 0]]
    assert run.counts.total_shares is not None
    assert run.counts.total_shares.tolist() == [0.25, 0]


def test_a_source_without_times_is_taken_as_it_is() -> None:
    """Collectors have none, nor have reads in user space."""
    run = recording([(3, TWO_TENSORS, 0, 0, [7, 0])], (0, [9, 0]))
    assert run.counts is not None
    assert run.counts.total.tolist() == [9, 0]


def test_same_calls() -> None:
    run = recording(CALLS, (1000, [20, 30]))
    slower = [(site, shape, begin, end + 5, counts) for site, shape, begin, end, counts in CALLS]
    assert run.same_calls(recording(slower, (2000, [1, 1])))
    assert not run.same_calls(recording(CALLS[:1], (1000, [20, 30])))
    assert not run.same_calls(recording(CALLS[::-1], (1000, [20, 30])))
    other_shape = [(3, NO_TENSOR, 100, 350, [7, 0]), CALLS[1]]
    assert not run.same_calls(recording(other_shape, (1000, [20, 30])))


def test_a_run_without_calls() -> None:
    run = recording([], (1000, [3, 0]))
    assert run.sites.tolist() == []
    assert run.shapes == ()


def test_dtypes_of_every_kind() -> None:
    words = []
    for code, bits, lanes in [(2, 16, 1), (4, 16, 1), (6, 8, 1), (0, 8, 4), (1, 64, 1)]:
        words += [code | bits << 8 | lanes << 16, 0]
    records = np.zeros(2, dtype=record_dtype(NOTHING))
    records["site"] = [-1, 0]
    run = Run.of_records(records, np.array([5, *words], dtype=np.int64), NOTHING, timed=True)
    assert run.shapes == ("float16[], bfloat16[], bool[], int8x4[], uint64[]",)
    assert SIGNATURES[NO_TENSOR] == 0


# ---- calls inside one another -----------------------------------------------------


def test_own_values_leave_out_the_calls_inside() -> None:
    calls = [
        (0, NO_TENSOR, 0, 100, [10, 1]),  # holds the next two
        (1, NO_TENSOR, 10, 50, [6, 1]),  # holds the next
        (2, NO_TENSOR, 20, 40, [4, 1]),
        (2, NO_TENSOR, 60, 70, [1, 0]),  # in the first again
        (2, NO_TENSOR, 200, 230, [2, 2]),
    ]
    run = recording(calls, (1000, [20, 9]), parents=[-1, 0, 1, 0, -1])
    assert run.durations_ns is not None
    assert run.exclusive(run.durations_ns).tolist() == [50, 20, 20, 10, 30]
    assert run.durations_ns.tolist() == [100, 40, 20, 10, 30]
    assert run.counts is not None
    assert run.exclusive(run.counts.values).tolist() == [[3, 0], [2, 0], [4, 1], [1, 0], [2, 2]]


def test_own_values_of_calls_side_by_side_are_all_of_them() -> None:
    run = recording(CALLS, (1000, [20, 30]))
    assert run.durations_ns is not None
    assert run.exclusive(run.durations_ns).tolist() == run.durations_ns.tolist()


@pytest.mark.parametrize(
    ("activations", "calls", "paths"),
    [
        ([], 2, ["", ""]),
        ([(1, "main"), (3, None)], 2, ["main", "main"]),
        ([(1, "main"), (2, "f"), (3, None), (4, None)], 3, ["main", "main > f", "main"]),
        # Record 1 begins in main and lasts while f runs, as a call of a closure does.
        (
            [(1, "main"), (2, "f"), (2, "g"), (3, None), (3, None), (3, None)],
            2,
            ["main", "main > f > g"],
        ),
        (
            [(1, "f"), (2, "f"), (3, "f"), (4, "g"), (5, None), (5, None), (6, None), (7, None)],
            6,
            ["f", "f x2", "f x3", "f x3 > g", "f x2", "f"],
        ),
        (
            [(1, "f"), (1, "g"), (2, "f"), (3, None), (3, None), (3, None)],
            3,
            ["f > g", "f > g > f", ""],
        ),
        # An activation that an error ended, and records after the last of them.
        ([(1, "f"), (2, None)], 3, ["f", "", ""]),
    ],
)
def test_call_paths(activations: list[Activation], calls: int, paths: list[str]) -> None:
    assert call_paths(activations, calls) == paths
