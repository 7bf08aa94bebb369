"""Trying a pass as it will be read: open as a whole, enabled and disabled over known work.

That each event is right alone proves little about the pass: a PMU holds so many, and there
are kernels that miscount some events beside others, from the second enabling on.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.counters.encoding import Event
from vmprof.counters.reading.group import CounterGroup, Opener, Refused
from vmprof.counters.reading.trust import expectation_of, known_loop
from vmprof.counters.source import Sample

_TRIES = 4
# An interruption may fall between the readings of a clock and of the time; not in most tries.
_WRONG_TRIES = 2

# A clock counts exactly while its group runs. Of a difference, so much may be the kernel's own time
# between reading the one and the other.
_CLOCK_SHARE, _CLOCK_NS = 0.05, 20_000


@dataclass(frozen=True)
class Trouble:
    """Why what was tried cannot be counted as it is.

    ``columns`` are those that read wrong; none if that is not the fault of single events.
    ``crowded``: with fewer events it may be possible.
    """

    reason: str
    columns: tuple[str, ...] = ()
    crowded: bool = False


def trouble_with(events: Sequence[Event], opener: Opener) -> Trouble | None:
    """What is wrong with ``events`` as a pass; None if they count together, and rightly."""
    try:
        group = opener.open(events)
    except Refused as refused:
        return Trouble(refused.reason, crowded=refused.code == errno.EINVAL)
    with group:
        return try_out([group])


def try_out(groups: Sequence[CounterGroup], *, in_turns: bool = False) -> Trouble | None:
    """What is wrong with ``groups``, that are open and read one after the other.

    With ``in_turns`` the kernel lets them take turns, and they count some of the time.
    """
    counts: dict[str, list[int]] = defaultdict(list)
    wrong: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for _ in range(_TRIES):
        for group, spent in zip(groups, _spend(groups), strict=True):
            if spent is None or (not in_turns and group.lost_ns(spent) > 0):
                return Trouble("it does not count all the time beside the others", crowded=True)
            for column, count in _by_column(group, spent).items():
                counts[column].append(count)
            for column, count, running_ns in _clocks(group, spent):
                if abs(count - running_ns) > max(_CLOCK_SHARE * running_ns, _CLOCK_NS):
                    wrong[column].append((count, running_ns))
    for column, tries in wrong.items():
        if len(tries) >= _WRONG_TRIES:
            count, running_ns = tries[-1]
            return Trouble(
                f"this kernel miscounts it as it is read here: {count:,} ns while "
                f"{running_ns:,} ns passed",
                (column,),
            )
    if not in_turns:
        for event in (event for group in groups for event in group.events):
            expected = expectation_of(event)
            problem = expected.problem(min(counts[event.name])) if expected else None
            if problem is not None:
                return Trouble(problem, (event.name,), crowded=True)
    return None


def _spend(groups: Sequence[CounterGroup]) -> list[list[Sample] | None]:
    """What each group counts over the known work, all of them enabled."""
    first, *others = groups
    rest: list[list[Sample] | None] = []

    def work() -> None:
        if others:
            rest.extend(_spend(others))
        else:
            known_loop()

    return [first.count(work), *rest]


def _by_column(group: CounterGroup, spent: Sequence[Sample]) -> dict[str, int]:
    """Counts of the calling thread, which does the work."""
    layout = group.layout
    counts = dict.fromkeys(layout.columns, 0)
    for sample, columns, thread in zip(spent, layout.sources, layout.threads, strict=True):
        for column, value in zip(columns, sample.values, strict=True):
            counts[layout.columns[column]] += value if thread == 0 else 0
    return counts


def _clocks(group: CounterGroup, spent: Sequence[Sample]) -> list[tuple[str, int, int]]:
    """Column, count and running time of each clock among the events, in nanoseconds."""
    clocks = {
        event.name for event in group.events for encoding in event.encodings if encoding.is_clock
    }
    return [
        (column, value, sample.running_ns)
        for source, sample in zip(group.sources, spent, strict=True)
        for column, value in zip(source.columns, sample.values, strict=True)
        if column in clocks
    ]
