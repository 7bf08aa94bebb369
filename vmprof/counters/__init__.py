"""What can be counted: event names, PMUs, groups, permissions."""

from vmprof.counters.events import Encoding, Event, Group, parse_events
from vmprof.counters.machine import Machine
from vmprof.counters.passes import Pass
from vmprof.counters.plan import Counters, open_counters

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
