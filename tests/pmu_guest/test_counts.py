"""Counts of loops of known length, and what cannot be counted."""

from __future__ import annotations

from pmu_guest.guest import Guest
from pmu_guest.machine import Machine

LENGTHS = (1, 1, 1_000_000, 1_000_000, 10_000_000)
PER_ITERATION = 2

IN_USER_SPACE = "in user space, without a system call"


def count(machine: Machine, events: str, *lengths: int, **conditions: object) -> dict:
    arguments = ["programs/counted_loop.py", events, *map(str, lengths)]
    return machine.run(*arguments, **conditions).json()


def overheads(counts: list[int], lengths: tuple[int, ...]) -> list[int]:
    """What the windows hold besides their loops."""
    pairs = zip(counts, lengths, strict=True)
    return [counted - PER_ITERATION * length for counted, length in pairs]


def assert_exact(counts: list[int]) -> None:
    """Around loops of LENGTHS: each window holds the same besides its loop."""
    (overhead,) = set(overheads(counts, LENGTHS))
    assert 0 < overhead < 1000


def test_a_loop_is_counted(machine: Machine) -> None:
    result = count(machine, "cycles,instructions", *LENGTHS)
    cycles, instructions = (result["counts"][f"perf::{e}"] for e in ("CYCLES", "INSTRUCTIONS"))
    if machine.exact:
        assert result["how"] == ["by one read() of the group"]
        assert_exact(instructions)
        assert cycles == [2 * n for n in instructions]
    else:
        # The kernel may be counted too: a reading's own part, and some interrupts.
        for overhead, length in zip(overheads(instructions, LENGTHS), LENGTHS, strict=True):
            assert 0 < overhead < 20_000 + 0.05 * PER_ITERATION * length
        assert all(cycles)


def test_a_loop_is_counted_without_system_calls(guest: Guest) -> None:
    result = count(guest, "cycles,instructions", *LENGTHS, user_access=True)
    assert result["how"] == [IN_USER_SPACE]
    assert_exact(result["counts"]["perf::INSTRUCTIONS"])


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
