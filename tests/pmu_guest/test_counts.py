"""Counts of loops of known length, and what cannot be counted."""

from __future__ import annotations

import pytest

from pmu_guest.guest import Guest
from pmu_guest.machine import Machine

LENGTHS = (1, 1, 1_000_000, 1_000_000, 10_000_000)
PER_ITERATION = 2

BY_SYSTEM_CALL = "by one read() of the group"
IN_USER_SPACE = "in user space, without a system call"


def count(machine: Machine, events: str, *lengths: int, **conditions: object) -> dict:
    arguments = ["programs/counted_loop.py", events, *map(str, lengths)]
    return machine.run(*arguments, **conditions).json()


def overheads(counts: list[int], lengths: tuple[int, ...]) -> list[int]:
    """What the windows hold besides their loops."""
    pairs = zip(counts, lengths, strict=True)
    return [counted - PER_ITERATION * length for counted, length in pairs]


def test_a_loop_is_counted(machine: Machine) -> None:
    counts = count(machine, "cycles,instructions", *LENGTHS)["counts"]
    instructions = overheads(counts["perf::INSTRUCTIONS"], LENGTHS)
    if machine.exact:
        assert len(set(instructions)) == 1
        assert 0 < instructions[0] < 1000
        assert counts["perf::CYCLES"] == [2 * n for n in counts["perf::INSTRUCTIONS"]]
    else:
        # The kernel may be counted too: a reading's own part, and some interrupts.
        for overhead, length in zip(instructions, LENGTHS, strict=True):
            assert 0 < overhead < 20_000 + 0.05 * PER_ITERATION * length
        assert all(counts["perf::CYCLES"])


@pytest.mark.parametrize(("user_access", "how"), [(False, BY_SYSTEM_CALL), (True, IN_USER_SPACE)])
def test_both_ways_of_reading_count_the_same(guest: Guest, user_access: bool, how: str) -> None:
    result = count(guest, "cycles,instructions", *LENGTHS, user_access=user_access)
    assert result["how"] == [how]
    assert len(set(overheads(result["counts"]["perf::INSTRUCTIONS"], LENGTHS))) == 1


def test_reading_in_user_space_takes_a_quarter_of_a_system_call_at_most(guest: Guest) -> None:
    """In instructions, user space and kernel, for a group of four."""
    program = ("programs/read_cost.py", "cycles,instructions,r08,r11")
    cost = guest.run(*program, root=True, user_access=True).json()
    assert cost["how"] == IN_USER_SPACE
    assert 0 < cost["sample"] <= cost["read"] / 4


def test_more_events_than_the_pmu_has_counters_take_two_passes(guest: Guest) -> None:
    """Six counters and one for cycles; the same event under seven names counts the same."""
    names = list("abcdefg")
    same = [f"armv8_pmuv3/event=0x8,name={name}/" for name in names]
    result = count(guest, ",".join(["cycles", *same]), 1000, 1_000_000)
    assert result["passes"] == [["perf::CYCLES", *names[:6]], names[6:]]
    first, *others = (result["counts"][name] for name in names)
    assert others == [first] * 6
    assert len(set(overheads(first, (1000, 1_000_000)))) == 1


def test_what_the_pmu_lacks_is_missing_with_its_reason(guest: Guest) -> None:
    stalled = "stalled-cycles-frontend,stalled-cycles-backend"
    result = count(guest, f"instructions,cache-misses,{stalled}", 1000)
    stands_still = (
        "it opens, but stands still over work that must move it; virtual machines and emulators "
        "do this: do not trust it here"
    )
    assert result["refused"] == {
        "perf::CACHE-MISSES": "this processor's PMU does not have the event",
        "perf::STALLED-CYCLES-FRONTEND": stands_still,
        "perf::STALLED-CYCLES-BACKEND": stands_still,
    }
    assert list(result["counts"]) == ["perf::INSTRUCTIONS"]


def test_an_ordinary_user_who_may_not_count_is_told_the_remedy(guest: Guest) -> None:
    result = count(guest, "cycles,task-clock", 1000, paranoid=3)
    refused = (
        "not permitted: kernel.perf_event_paranoid is 3; "
        "run: sudo sysctl kernel.perf_event_paranoid=1"
    )
    assert result["refused"] == {"perf::CYCLES": refused, "perf::TASK-CLOCK": refused}
    assert result["counts"] == {}
