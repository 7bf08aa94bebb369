"""What a machine has names for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmprof.counters.encoding import HARDWARE, SOFTWARE
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names import generic, libpfm, tracepoints

_KINDS = {HARDWARE: "hardware", SOFTWARE: "software"}


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """A name that `parse_events` understands.

    ``kind`` is "hardware", "cache" or "software" for the names that every
    processor shares, "pmu" for a PMU's own, "tracepoint", or "processor" for
    what libpfm4 has from the processor's manual. ``pmu`` is where it is
    counted: of a shared name on a hybrid, all core PMUs with commas between
    them. ``description`` of a PMU's own event is what it stands for.
    """

    name: str
    kind: str
    pmu: str
    description: str = ""
    aliases: tuple[str, ...] = ()


def known_events(machine: Machine) -> Iterator[KnownEvent]:
    """Every name that has a meaning on ``machine``; whether it counts there is another matter.

    Those of libpfm4, where it is installed, are of the processor that this
    runs on, as far as ``machine`` takes them.
    """
    core = ",".join(pmu.name for pmu in machine.core_pmus)
    for event in generic.GENERIC:
        kind = _KINDS.get(event.type, "cache")
        # A cache's event has a hundred spellings; nobody wants to see them.
        aliases = () if kind == "cache" else event.aliases
        pmu = "software" if kind == "software" else core
        if pmu:
            yield KnownEvent(event.name, kind, pmu, event.description, aliases)
    for owner in machine.pmus.values():
        for name, named in owner.events.items():
            description = named.terms + (f", in {named.unit}" if named.unit else "")
            yield KnownEvent(f"{owner.name}/{name}/", "pmu", owner.name, description)
    if core:
        for own, description in libpfm.known(machine):
            yield KnownEvent(own.name, "processor", own.encodings[0].pmu, description)
    for name in tracepoints.names(machine):
        yield KnownEvent(name, "tracepoint", "tracepoint")
