"""What can be counted: event names, groups, permissions."""

from vmprof.counters.events import Event, parse_events
from vmprof.counters.group import CounterGroup, open_default

__all__ = ["CounterGroup", "Event", "open_default", "parse_events"]
