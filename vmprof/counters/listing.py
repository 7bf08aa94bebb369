"""What can be counted on a machine, tried out, and the counter sets: as text and as data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.catalogue import KnownEvent, known_events
from vmprof.counters.names.events import parse_events
from vmprof.counters.reading.probe import Probe
from vmprof.counters.sets import load_set
from vmprof.errors import VmprofError

# Kinds of which there are too many to list, unless some are looked for.
_SUMMARISED = {
    "tracepoint": "tracepoints, as in sched:sched_switch",
    "processor": "names of the processor's own events, as its manual has them",
}
_KINDS = {
    "hardware": "generic events",
    "cache": "caches and TLBs, as the kernel names them",
    "software": "counted by the kernel itself",
    "pmu": "named by the PMU",
    **_SUMMARISED,
}
_NAME_WIDTH = 32


@dataclass(frozen=True)
class ListedEvent:
    """An event, and why it is refused; None if it can be counted."""

    known: KnownEvent
    refused: str | None


@dataclass(frozen=True)
class ListedSet:
    """A counter set as this machine would count it, or why it cannot."""

    name: str
    description: str
    processors: str
    events: str
    refused: str | None


def names(machine: Machine, pattern: str, sets: Iterable[str]) -> Iterator[str]:
    """The names of ``sets`` and of the machine's events, as :class:`Listing` chooses them."""
    yield from (name for name in sets if _matches(pattern, name))
    for known in known_events(machine):
        if known.kind not in _SUMMARISED if not pattern else _matches(pattern, known.name):
            yield known.name


@dataclass(frozen=True)
class Listing:
    """What was found.

    ``no_hardware`` says why there are no hardware events at all; None where
    there are. ``unlisted`` has the numbers of those that are too many to list,
    by kind.
    """

    no_hardware: str | None
    events: tuple[ListedEvent, ...]
    unlisted: Mapping[str, int]
    sets: tuple[ListedSet, ...]

    @classmethod
    def of(cls, machine: Machine, pattern: str, paths: Mapping[str, Path], probe: Probe) -> Listing:
        """What has ``pattern`` in a name or description, in any case, of events and sets."""
        no_hardware = None if machine.has_pmu else _refusal("cycles", machine, probe)
        events, unlisted = [], Counter[str]()
        for known in known_events(machine):
            if not pattern and known.kind in _SUMMARISED:
                unlisted[known.kind] += 1
            elif _matches(pattern, known.name, known.description, *known.aliases):
                events.append(ListedEvent(known, _refusal(known.name, machine, probe)))
        sets = [_listed_set(name, path, machine) for name, path in paths.items()]
        return cls(
            no_hardware,
            tuple(events),
            unlisted,
            tuple(s for s in sets if _matches(pattern, s.name, s.description, s.events)),
        )

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "no_hardware": self.no_hardware,
            "events": [
                {
                    "name": event.known.name,
                    "aliases": list(event.known.aliases),
                    "kind": event.known.kind,
                    "pmu": event.known.pmu,
                    "description": event.known.description,
                    "usable": event.refused is None,
                    "reason": event.refused,
                }
                for event in self.events
            ],
            "unlisted": dict(self.unlisted),
            "sets": [
                {
                    "name": entry.name,
                    "description": entry.description,
                    "processors": entry.processors,
                    "events": entry.events,
                    "reason": entry.refused,
                }
                for entry in self.sets
            ],
        }

    def text(self) -> str:
        """For people: by PMU, with the reasons of refused events below, each once."""
        reasons = list(dict.fromkeys(e.refused for e in self.events if e.refused is not None))
        parts = [] if self.no_hardware is None else [f"No hardware events: {self.no_hardware}\n"]
        parts += self._event_lines(reasons)
        parts += [
            f"{number:,} {_SUMMARISED[kind]}: vmprof events PATTERN lists some\n"
            for kind, number in self.unlisted.items()
        ]
        numbered = [f"{number:>3}  {reason}" for number, reason in enumerate(reasons, 1)]
        parts += _section("Not usable here", numbered)
        parts += _section("Counter sets (vmprof run --counters NAME)", self._set_lines())
        return "\n".join(parts).rstrip()

    def _event_lines(self, reasons: list[str]) -> Iterator[str]:
        def place(event: ListedEvent) -> tuple[str, str]:
            return event.known.pmu, event.known.kind

        for (pmu, kind), events in groupby(self.events, place):
            lines = []
            for event in events:
                mark = "+" if event.refused is None else str(reasons.index(event.refused) + 1)
                also = f" (also {', '.join(event.known.aliases)})" if event.known.aliases else ""
                lines.append(
                    f"{mark:>3}  {event.known.name:<{_NAME_WIDTH}}  {event.known.description}{also}"
                )
            yield from _section(f"{pmu}: {_KINDS[kind]}", lines)

    def _set_lines(self) -> Iterator[str]:
        for entry in self.sets:
            summary = re.split(r"(?<=\.)\s", " ".join(entry.description.split()))[0]
            yield f"  {entry.name:<10}  {entry.refused or summary}"
            if entry.refused is None:
                yield f"{'':<12}  {entry.processors or entry.events}"


def _section(title: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    body = list(lines)
    if body:
        yield "\n".join([title, *body, ""])


def _matches(pattern: str, *texts: str) -> bool:
    return any(pattern.lower() in text.lower() for text in texts)


def _refusal(name: str, machine: Machine, probe: Probe) -> str | None:
    try:
        ((event,),) = parse_events(name, machine)
    except VmprofError as error:
        return str(error)
    return probe(event)


def _listed_set(name: str, path: Path, machine: Machine) -> ListedSet:
    try:
        loaded = load_set(str(path), machine)
    except VmprofError as error:
        return ListedSet(name, "", "", "", str(error))
    return ListedSet(name, loaded.description, loaded.processors, loaded.events, None)
