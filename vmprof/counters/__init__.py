"""What can be counted: event names, groups, permissions."""

from vmprof.counters.events import Encoding, Event, Group, parse_events
from vmprof.counters.group import CounterGroup, open_default
from vmprof.counters.machine import Machine

__all__ = [
    "CounterGroup",
    "Encoding",
    "Event",
    "Group",
    "Machine",
    "open_default",
    "parse_events",
]
