"""Event names, in perf's grammar."""

from __future__ import annotations

import difflib

from vmprof.counters import generic
from vmprof.counters.encoding import Encoding, Event, Group
from vmprof.counters.machine import Machine
from vmprof.errors import VmprofError

__all__ = ["REFERENCE", "SOFTWARE_EVENTS", "Encoding", "Event", "Group", "parse_events"]

# The five of TVM's reports with PAPI.
REFERENCE = (
    "cycles",
    "instructions",
    "cache-misses",
    "stalled-cycles-frontend",
    "stalled-cycles-backend",
)

# Counted by the kernel on any machine. Task clock is in nanoseconds.
SOFTWARE_EVENTS = ("task-clock", "page-faults", "context-switches", "cpu-migrations")


def parse_events(text: str, machine: Machine) -> tuple[Group, ...]:
    """The events that ``text`` names, in perf's grammar, as ``machine`` counts them.

    Names are separated by commas; ``{a,b}`` is a group, whose events are
    counted together, and any other event is a group of its own. ``""`` and
    ``none`` are no events. Raises :class:`VmprofError` for a name that means
    nothing on ``machine``, with the reason.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["none"]:
        return ()
    return tuple((event,) for event in dict.fromkeys(_event(name, machine) for name in names))


def _event(name: str, machine: Machine) -> Event:
    found = generic.find(name)
    if found is None:
        close = difflib.get_close_matches(name, generic.spellings())
        raise VmprofError(f"there is no event {name!r}; did you mean: {', '.join(close)}")
    encoding = Encoding("software" if found.type == 1 else "cpu", found.type, found.config)
    return Event(found.column, (encoding,), found.in_kernel)
