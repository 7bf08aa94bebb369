"""What can be counted, by name.

Names are those that TVM's profiler printed (PAPI's ``perf::CYCLES``); perf's
own spelling (``cycles``) means the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmprof.errors import VmprofError

# enum perf_type_id of linux/perf_event.h
HARDWARE, SOFTWARE = 0, 1


@dataclass(frozen=True)
class Event:
    """An event of perf_event_open(2): ``type`` and ``config`` are its fields of those names.

    ``in_kernel``: the event happens inside the kernel, so that a counter which
    leaves the kernel out would read 0 whatever happens.
    """

    name: str
    type: int
    config: int
    in_kernel: bool = False

    @property
    def is_hardware(self) -> bool:
        return self.type == HARDWARE


# The five of TVM's reports with PAPI.
REFERENCE = (
    Event("perf::CYCLES", HARDWARE, 0),
    Event("perf::INSTRUCTIONS", HARDWARE, 1),
    Event("perf::CACHE-MISSES", HARDWARE, 3),
    Event("perf::STALLED-CYCLES-FRONTEND", HARDWARE, 7),
    Event("perf::STALLED-CYCLES-BACKEND", HARDWARE, 8),
)

# Counted by the kernel on any machine. Task clock is in nanoseconds.
SOFTWARE_EVENTS = (
    Event("perf::TASK-CLOCK", SOFTWARE, 1),
    Event("perf::PAGE-FAULTS", SOFTWARE, 2),
    Event("perf::CONTEXT-SWITCHES", SOFTWARE, 3, in_kernel=True),
    Event("perf::CPU-MIGRATIONS", SOFTWARE, 4, in_kernel=True),
)

_BY_NAME = {event.name: event for event in REFERENCE + SOFTWARE_EVENTS}


def parse_events(text: str) -> tuple[Event, ...]:
    """The events in a comma-separated list of names; ``""`` and ``none`` are no events."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["none"]:
        return ()
    return tuple(dict.fromkeys(_event(name) for name in names))


def _event(name: str) -> Event:
    event = _BY_NAME.get(f"perf::{name.lower().removeprefix('perf::').upper()}")
    if event is None:
        known = ", ".join(sorted(key.removeprefix("perf::").lower() for key in _BY_NAME))
        raise VmprofError(f"there is no event {name!r}; there are: {known}")
    return event
