"""What a machine has names for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmprof.counters import generic
from vmprof.counters.encoding import HARDWARE, SOFTWARE
from vmprof.counters.machine import Machine

_KINDS = {HARDWARE: "hardware", SOFTWARE: "software"}


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """A name that `parse_events` understands.

    ``kind`` is "hardware", "cache" or "software" for the names that every
    processor shares, "pmu" for a PMU's own, "tracepoint" or "processor" (through
    libpfm4). ``pmu`` is where it is counted; on hybrids, shared names are
    counted on all of the PMUs that are listed, with commas between them.
    """

    name: str
    kind: str
    pmu: str
    description: str = ""
    aliases: tuple[str, ...] = ()


def known_events(machine: Machine) -> Iterator[KnownEvent]:
    """Every name that has a meaning on ``machine``; whether it counts there is another matter."""
    core = ",".join(pmu.name for pmu in machine.core_pmus)
    for event in generic.GENERIC:
        kind = _KINDS.get(event.type, "cache")
        # All that would be typed for a cache's event is its one canonical name.
        aliases = () if kind == "cache" else event.aliases
        pmu = "software" if kind == "software" else core
        if pmu:
            yield KnownEvent(event.name, kind, pmu, event.description, aliases)
    for pmu_ in machine.pmus.values():
        for name, event_ in pmu_.events.items():
            terms = event_.terms + (f", in {event_.unit}" if event_.unit else "")
            yield KnownEvent(f"{pmu_.name}/{name}/", "pmu", pmu_.name, terms)
