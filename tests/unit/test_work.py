"""Whose work it was, on records of made-up runs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vmprof.runs.work import ACTIVATION_SITE, LAUNCH_SITE, RUN_SITE, TASK_SITE, Ints, Records, Work

CALL = 0


def records(*rows: tuple[int, int, int]) -> Records:
    """Of (site, thread, parent)."""
    dtype = np.dtype([("site", np.int32), ("signature", np.int64), ("parent", np.int64)])
    return np.array(list(rows), dtype)


# A run on thread 7 whose first call launches two tasks, the second of them on thread 9
# with a launch of its own; the other call has a call inside.
NESTED = records(
    (RUN_SITE, 7, -1),
    (CALL, 0, 0),
    (LAUNCH_SITE, 7, 1),
    (TASK_SITE, 7, 2),
    (TASK_SITE, 9, 2),
    (LAUNCH_SITE, 9, 4),
    (TASK_SITE, 9, 5),
    (TASK_SITE, 8, 5),
    (CALL, 0, 0),
    (CALL, 0, 8),
)
WINDOWS = np.array([[1000], [500], [400], [150], [300], [250], [100], [90], [60], [20]])


def test_a_calls_work_is_its_own_and_that_of_its_tasks() -> None:
    work = Work(NESTED)
    assert work.rows.tolist() == [0, 1, 8, 9]
    tasks = 150 + (300 - 250 + 100 + 90)
    assert work.of(WINDOWS)[:, 0].tolist() == [1000 - 400 + tasks, 500 - 400 + tasks, 60, 20]


def test_each_thread_has_its_part() -> None:
    by_thread = Work(NESTED).by_thread(WINDOWS)
    assert by_thread is not None
    assert by_thread.threads.tolist() == [7, 8, 9]
    assert by_thread.rows.tolist() == [0]
    assert by_thread.values[0, :, 0].tolist() == [500 - 400 + 150, 90, 300 - 250 + 100]


def test_parents_are_calls() -> None:
    assert Work(NESTED).parents().tolist() == [-1, 0, 0, 2]


def test_without_tasks_work_is_the_window() -> None:
    work = Work(records((RUN_SITE, 1, -1), (CALL, 0, 0), (CALL, 0, 1)))
    assert work.of(np.array([[9], [5], [3]]))[:, 0].tolist() == [9, 5, 3]
    assert work.by_thread(np.array([[9], [5], [3]])) is None


def test_what_is_between_the_calls_of_bytecode_inside_a_call_is_no_calls() -> None:
    """A builtin of 100 runs bytecode for 80, which makes a call of 50 that does the same."""
    nested = records(
        (RUN_SITE, 1, -1),
        (CALL, 0, 0),
        (ACTIVATION_SITE, 0, 1),
        (CALL, 0, 2),
        (ACTIVATION_SITE, 0, 3),
        (CALL, 0, 4),
        (CALL, 0, 2),
    )
    work = Work(nested)
    assert work.parents().tolist() == [-1, 0, 1, 2, 1]
    values = work.of(np.array([[1000], [100], [80], [50], [40], [30], [10]]))[:, 0].tolist()
    # Their own: 20, then 10, then 30, and 10; the run holds everything.
    assert values == [1000, 100 - (80 - 60) - (40 - 30), 50 - (40 - 30), 30, 10]


@st.composite
def runs(draw: st.DrawFn) -> tuple[Records, Ints]:
    """Any tree of records; launches hold tasks alone, activations calls, others anything else."""
    rows = [(RUN_SITE, 1, -1)]
    for number in range(1, draw(st.integers(1, 30))):
        parent = draw(st.integers(0, number - 1))
        if rows[parent][0] == LAUNCH_SITE:
            rows.append((TASK_SITE, draw(st.integers(1, 4)), parent))
        elif rows[parent][0] == ACTIVATION_SITE or draw(st.booleans()):
            rows.append((CALL, 0, parent))
        elif rows[parent][0] == CALL and draw(st.booleans()):
            rows.append((ACTIVATION_SITE, 0, parent))
        else:
            rows.append((LAUNCH_SITE, draw(st.integers(1, 4)), parent))
    amounts = draw(st.lists(st.integers(0, 1 << 40), min_size=len(rows), max_size=len(rows)))
    return records(*rows), np.array(amounts)[:, None]


@given(runs())
def test_work_is_the_sum_of_its_parts(run: tuple[Records, Ints]) -> None:
    rows, amounts = run

    def work(number: int) -> int:
        """By the definition, record by record."""
        total = int(amounts[number, 0]) if rows["site"][number] != LAUNCH_SITE else 0
        dispatch = between(number) if rows["site"][number] >= 0 else 0
        return total + below(number) - dispatch

    def between(number: int) -> int:
        children = np.flatnonzero(rows["parent"] == number).tolist()
        own = 0
        if rows["site"][number] == ACTIVATION_SITE:
            own = int(amounts[number, 0]) - sum(int(amounts[child, 0]) for child in children)
        return own + sum(map(between, children))

    def below(number: int) -> int:
        total = 0
        for child in np.flatnonzero(rows["parent"] == number).tolist():
            if rows["site"][child] == LAUNCH_SITE:
                total += below(child) - int(amounts[child, 0])
            elif rows["site"][child] == TASK_SITE:
                total += work(child)
            else:
                total += below(child)  # a call inside: its own window is inside too
        return total

    found = Work(rows)
    values = found.of(amounts)[:, 0].tolist()
    assert values == [work(number) for number in found.rows.tolist()]
    by_thread = found.by_thread(amounts)
    if by_thread is not None:
        sums = by_thread.values.sum(axis=1)[:, 0].tolist()
        assert sums == [values[1 + row] for row in by_thread.rows.tolist()]
