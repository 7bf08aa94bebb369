"""Whether an event can be counted here: it is opened for this process, and closed at once."""

from __future__ import annotations

from collections.abc import Callable

from vmprof.counters.encoding import Event
from vmprof.counters.errata import objection
from vmprof.counters.group import CounterGroup
from vmprof.counters.machine import Machine

# None, or why the event is refused and what to do about it.
Probe = Callable[[Event], str | None]


def prober(machine: Machine) -> Probe:
    """A probe that asks the kernel of this machine."""

    def probe(event: Event) -> str | None:
        reason = objection(event, machine)
        if reason is not None:
            return reason
        with CounterGroup([event], machine) as group:
            return group.refused.get(event.name)

    return probe
