"""Whether an event can be counted here, by the same checks that a run makes."""

from __future__ import annotations

from collections.abc import Callable

from vmprof.counters.encoding import Event
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.reading.group import Opener
from vmprof.counters.reading.trust import examine
from vmprof.counters.reading.wide import WideCounters

# None, or why the event is refused and what to do about it.
Probe = Callable[[Event], str | None]


def prober(machine: Machine) -> Probe:
    """A probe that asks the kernel of this machine: the event is opened, tried and closed."""

    def probe(event: Event) -> str | None:
        if event.cpu_wide:
            with WideCounters([event], machine) as wide:
                return wide.refused.get(event.name)
        return examine(event, Opener(machine)).problem

    return probe
