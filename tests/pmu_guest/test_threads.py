"""Whose instructions they were: loops of known length in the tasks of TVM's pool."""

from __future__ import annotations

import pytest

from pmu_guest.guest import Guest

PER_ITERATION = 2
# The calling thread's and the worker's.
LENGTHS = [(1, 1), (1, 10_000_000), (10_000_000, 1), (3_000_000, 1_000_000), (1, 1)]


@pytest.mark.parametrize("user_access", [False, True])
def test_each_instruction_is_the_thread_s_that_executed_it(guest: Guest, user_access: bool) -> None:
    arguments = [str(length) for pair in LENGTHS for length in pair]
    result = guest.run(
        "programs/counted_tasks.py", "instructions", *arguments, user_access=user_access
    ).json()
    assert result["how"].startswith("in user space" if user_access else "by one read()")
    own, workers = zip(*result["by_thread"], strict=True)
    # A worker's window holds its task and nothing else, always the same.
    overheads = {
        n - PER_ITERATION * length for n, (_, length) in zip(workers, LENGTHS, strict=True)
    }
    (overhead,) = overheads
    assert 0 < overhead < 1000
    # The calling thread launches too, and waits, on the only CPU, for millions of
    # instructions of the worker: none of that waiting is counted.
    for count, (length, _) in zip(own, LENGTHS, strict=True):
        assert 0 < count - PER_ITERATION * length < 20_000
    assert result["counts"] == [a + b for a, b in zip(own, workers, strict=True)]
