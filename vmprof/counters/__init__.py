"""What can be counted: event names, PMUs, groups, permissions."""

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.events import Encoding, Event, Group, parse_events
from vmprof.counters.passes import Pass
from vmprof.counters.reading.plan import Counters, open_counters

__all__ = [
    "Counters",
    "Encoding",
    "Event",
    "Group",
    "Machine",
    "Pass",
    "open_counters",
    "parse_events",
]
