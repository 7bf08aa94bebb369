"""Native records -> columns."""

from __future__ import annotations

import numpy as np
import pytest
from support.records import NO_TENSOR, SIGNATURES, TWO_TENSORS, recording

from vmprof.recording import Recording, record_dtype

CALLS = [(3, TWO_TENSORS, 100, 350, [7, 0]), (1, NO_TENSOR, 400, 410, [1, 2**40])]


def test_columns() -> None:
    run = recording(CALLS, (1000, [20, 2**41]))
    assert run.sites.tolist() == [3, 1]
    assert run.shapes == ("float32[1, 784], float32[1, 10]", "")
    assert run.durations_ns is not None
    assert run.durations_ns.tolist() == [250, 10]
    assert run.counts is not None
    assert run.counts.tolist() == [[7, 0], [1, 2**40]]
    assert run.total_ns == 1000
    assert run.total_counts is not None
    assert run.total_counts.tolist() == [20, 2**41]
    assert run.fault is None


def test_what_was_not_read_is_absent() -> None:
    run = recording(CALLS, (1000, [20, 30]), timed=False)
    assert (run.durations_ns, run.total_ns) == (None, None)
    run = recording(CALLS, (1000, [20, 30]), counted=False)
    assert (run.counts, run.total_counts) == (None, None)


@pytest.mark.parametrize("record", [0, 1, 2])
def test_a_failed_read_leaves_no_counts(record: int) -> None:
    run = recording(CALLS, (1000, [20, 30]), failed_reads=[record])
    assert run.fault is not None
    assert "read() of the counters failed" in run.fault
    assert (run.counts, run.total_counts) == (None, None)
    assert run.total_ns == 1000


def test_multiplexed_counters_leave_no_counts() -> None:
    run = recording(CALLS, (1000, [20, 30]), running=0.5)
    assert run.fault is not None
    assert "the counters ran 50 % of the time" in run.fault
    assert (run.counts, run.total_counts) == (None, None)


def test_same_calls() -> None:
    run = recording(CALLS, (1000, [20, 30]))
    slower = [(site, shape, begin, end + 5, counts) for site, shape, begin, end, counts in CALLS]
    assert run.same_calls(recording(slower, (2000, [1, 1])))
    assert not run.same_calls(recording(CALLS[:1], (1000, [20, 30])))
    assert not run.same_calls(recording(CALLS[::-1], (1000, [20, 30])))
    other_shape = [(3, NO_TENSOR, 100, 350, [7, 0]), CALLS[1]]
    assert not run.same_calls(recording(other_shape, (1000, [20, 30])))


def test_a_run_without_calls() -> None:
    run = recording([], (1000, []))
    assert run.sites.tolist() == []
    assert run.shapes == ()


def test_dtypes_of_every_kind() -> None:
    words = []
    for code, bits, lanes in [(2, 16, 1), (4, 16, 1), (6, 8, 1), (0, 8, 4), (1, 64, 1)]:
        words += [code | bits << 8 | lanes << 16, 0]
    records = np.zeros(2, dtype=record_dtype(0))
    records["site"] = [-1, 0]
    run = Recording.of_records(
        records, np.array([5, *words], dtype=np.int64), timed=True, counted=False
    )
    assert run.shapes == ("float16[], bfloat16[], bool[], int8x4[], uint64[]",)
    assert SIGNATURES[NO_TENSOR] == 0
