"""Why counts cannot be believed: of several runs as of each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.runs.faults import FAILED_READING, NO_FAULT, SHARED_PMU, STAYED_OFF, faults
from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.work import RUN_SITE, TASK_SITE

TWO = Layout(("a", "b", "c"), ((0, 1), (2,)))
IN_TURNS = Layout(("a", "b", "c"), ((0, 1), (2,)), multiplexed=True)

times = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
source = st.tuples(times, st.sampled_from([None, None, None, "before", "after"]))
record = st.tuples(source, source)
run = st.tuples(record, st.lists(st.tuples(st.sampled_from([0, 7, TASK_SITE]), record), max_size=3))


def records_of(layout: Layout, one: Any) -> Any:
    own, others = one
    rows = [(RUN_SITE, own), *others]
    records = np.zeros(len(rows), dtype=record_dtype(layout))
    for row, (site, sources) in zip(records, rows, strict=True):
        row["site"] = site
        for number, ((begin, enabled, off), failed) in enumerate(sources):
            before, after = row["before"][str(number)], row["after"][str(number)]
            before["count"] = after["count"] = len(layout.sources[number])
            before["enabled_ns"] = before["running_ns"] = begin
            after["enabled_ns"] = begin + enabled
            after["running_ns"] = begin + max(enabled - off, 0)
            if failed:
                row[failed][str(number)]["count"] = 0
    return records


@given(st.lists(run, max_size=5), st.sampled_from([TWO, IN_TURNS]))
def test_runs_that_follow_one_another_are_judged_one_by_one(
    runs: list[Any], layout: Layout
) -> None:
    each = [records_of(layout, one) for one in runs]
    alone = [int(faults(records, layout, np.zeros(1, np.int64))[0]) for records in each]
    sizes = np.array([0, *map(len, each)])
    together = np.concatenate([np.zeros(0, record_dtype(layout)), *each])
    assert faults(together, layout, np.cumsum(sizes)[:-1]).tolist() == alone


COUNTS = (((5, 10, 0), None), ((5, 10, 0), None))
OFF = (((5, 10, 0), None), ((5, 0, 0), None))
SHARED = (((5, 10, 1), None), ((5, 10, 0), None))
FAILED = (((5, 10, 1), "after"), ((5, 0, 0), None))


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (TWO, [NO_FAULT, STAYED_OFF, SHARED_PMU, FAILED_READING, SHARED_PMU, NO_FAULT]),
        (IN_TURNS, [NO_FAULT, STAYED_OFF, NO_FAULT, FAILED_READING, NO_FAULT, NO_FAULT]),
    ],
)
def test_each_fault(layout: Layout, expected: list[int]) -> None:
    task, call = (COUNTS, [(TASK_SITE, SHARED)]), (COUNTS, [(3, SHARED)])
    runs = [(COUNTS, []), (OFF, []), (SHARED, []), (FAILED, []), task, call]
    found = [faults(records_of(layout, one), layout, np.zeros(1, np.int64))[0] for one in runs]
    assert found == expected
