"""Events by name, without their groups."""

from __future__ import annotations

from vmprof.counters import Event, Machine, parse_events
from vmprof.counters.sets import load_set

# What the sets of these names ask for, as vmprof brings them along.
DEFAULT = load_set("default", Machine(), {}).events
SOFTWARE = load_set("software", Machine(), {}).events


def events(text: str, machine: Machine | None = None) -> list[Event]:
    """The events that ``text`` names on ``machine``, by default one with neither PMU nor past."""
    return [event for group in parse_events(text, machine or Machine()) for event in group]
