"""Does a counter count? That it opens proves nothing: virtual machines accept events and read 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vmprof.counters.encoding import Event
from vmprof.counters.reading.errata import objection, required_leader
from vmprof.counters.reading.group import CounterGroup, Opener, Refused
from vmprof.native import ffi, lib

# Enough that what the kernel does in between is small beside it; below a millisecond.
ITERATIONS = 1_000_000

# Larger than the caches near the core, and than what a TLB reaches with small pages.
_STIR_WORDS = 1 << 20
_STIR_STEPS = 20_000

_TRIES = 3


@dataclass(frozen=True)
class Expectation:
    """What an event must read over the known loop: from ``low`` to ``high`` per iteration."""

    low: float
    high: float

    def problem(self, least: int) -> str | None:
        """What is wrong with ``least``, of several loops; an interrupt adds, nothing takes away."""
        low, high = self.low * ITERATIONS, self.high * ITERATIONS
        if low <= least <= high:
            return None
        return (
            f"it opens, but reads {least:,} over a loop where {low:,.0f} to {high:,.0f} are right: "
            "do not trust it here"
        )


# An iteration is two instructions, one a branch. The upper bounds leave room
# for interrupts and the kernel's own part. Cycles have a wide range: no
# processor takes more than two jumps per cycle, and slow emulators exist.
_KNOWN = {
    "perf::INSTRUCTIONS": Expectation(2, 3),
    "perf::BRANCHES": Expectation(1, 2),
    "perf::CYCLES": Expectation(0.4, 1000),
}

# Events that a walk through memory in random order, with branches that nothing
# can foresee, must make happen on any processor that has them.
_STIRRED = {
    "perf::STALLED-CYCLES-FRONTEND",
    "perf::STALLED-CYCLES-BACKEND",
    "perf::CACHE-REFERENCES",
    "perf::CACHE-MISSES",
    "perf::BRANCH-MISSES",
    "perf::BUS-CYCLES",
    "perf::REF-CYCLES",
    "perf::L1-DCACHE-LOADS",
    "perf::L1-DCACHE-LOAD-MISSES",
    "perf::L1-ICACHE-LOADS",
    "perf::LLC-LOADS",
    "perf::LLC-LOAD-MISSES",
    "perf::DTLB-LOADS",
    "perf::DTLB-LOAD-MISSES",
    "perf::ITLB-LOADS",
    "perf::BRANCH-LOADS",
    "perf::BRANCH-LOAD-MISSES",
}


@dataclass(frozen=True)
class Verdict:
    """``problem`` says why the event's counts cannot be used, None if they can.

    ``proven``: it was seen to count. An event without a known result that read
    0 is neither: whether it exists, only a run where it happens can tell.
    """

    problem: str | None
    proven: bool


def examine(event: Event, opener: Opener) -> Verdict:
    """Whether ``event`` can be counted and believed: known errata first, then a trial."""
    problem = objection(event, opener.machine)
    if problem is not None:
        return Verdict(problem, proven=False)
    try:
        return _check(event, opener)
    except Refused as refused:
        return Verdict(refused.reason, proven=False)


def _check(event: Event, opener: Opener) -> Verdict:
    """Count known work with ``event``; :class:`Refused` if it does not open."""
    leader = required_leader(event, opener.machine)
    with opener.open([event] if leader is None else [leader, event]) as group:
        if not event.is_hardware:
            return Verdict(None, proven=True)
        if any(encoding.exclude_user for encoding in event.encodings):
            # The work happens in user space.
            return Verdict(None, proven=False)
        if (expected := expectation_of(event)) is not None:
            return _check_known(expected, group)
        count = _count(group, _stir)
        if count is None:
            return Verdict(_NOT_SCHEDULED, proven=False)
        if count == 0 and _without_modifier(event.name) in _STIRRED:
            return Verdict(
                "it opens, but stands still over work that must move it; "
                "virtual machines and emulators do this: do not trust it here",
                proven=False,
            )
        return Verdict(None, proven=count > 0)


def expectation_of(event: Event) -> Expectation | None:
    """What ``event`` must read over `known_loop`, if that is known."""
    if any(encoding.exclude_user for encoding in event.encodings):
        return None
    return _KNOWN.get(_without_modifier(event.name))


def known_loop() -> None:
    """Work of `ITERATIONS` whose counts are known."""
    lib.vmprof_known_loop(ITERATIONS)


def _without_modifier(column: str) -> str:
    """``perf::CYCLES`` of ``perf::CYCLES:u``."""
    prefix, separator, name = column.rpartition("::")
    return prefix + separator + name.partition(":")[0]


_NOT_SCHEDULED = (
    "it opens, but is never scheduled: its counter is held by another user of perf "
    "(or the NMI watchdog); stop that one"
)


def _check_known(expected: Expectation, group: CounterGroup) -> Verdict:
    counts = [_count(group, known_loop) for _ in range(_TRIES)]
    valid = [count for count in counts if count is not None]
    if not valid:
        return Verdict(_NOT_SCHEDULED, proven=False)
    problem = expected.problem(min(valid))
    return Verdict(problem, proven=problem is None)


def _count(group: CounterGroup, work: Callable[[], object]) -> int | None:
    """What ``work`` adds to the last event of ``group``; None where it did not always count."""
    spent = group.count(work)
    if spent is None or group.lost_ns(spent) > 0:
        return None
    return sum(sample.values[-1] for sample in spent)


def _stir() -> None:
    lib.vmprof_stir(ffi.new("uint64_t[]", _STIR_WORDS), _STIR_WORDS, _STIR_STEPS)
