"""Event names, in perf's grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vmprof.counters.encoding import RAW, Encoding, Event, Group
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names import breakpoints, generic, libpfm, modifiers, papi, tracepoints
from vmprof.counters.names.cores import generic_encodings
from vmprof.counters.names.pmu_syntax import named_event, parse_pmu_event, raw_config
from vmprof.counters.names.suggest import did_you_mean
from vmprof.errors import VmprofError

__all__ = ["Encoding", "Event", "Group", "parse_events"]

# Commas and braces between the slashes of a PMU's event are its own; a breakpoint has one slash.
# Each alternative begins with something else, so that no text takes long to match.
_EVENT = re.compile(rf"{breakpoints.NAME}|(?!{breakpoints.PREFIX})(?:[^,{{}}/]|/[^/]*/)+")
_BETWEEN = re.compile(r"\s*(?:,[,\s]*|(?=\})|$)")
_GROUP_BEGIN = re.compile(r"\{[,\s]*")
_GROUP_END = re.compile(r"\}(?::(?P<modifiers>\w+))?\s*(?:,|$)")
_MAX_LENGTH = 1 << 16


def parse_events(text: str, machine: Machine) -> tuple[Group, ...]:
    """The events that ``text`` names, in perf's grammar, as ``machine`` counts them.

    Names are separated by commas; ``{a,b}`` is a group, whose events are
    counted together, and any other event is a group of its own. ``""`` and
    ``none`` are no events. An event that stands in a group is not counted
    alone too; in several groups it may stand. Raises :class:`VmprofError` for
    what means nothing on ``machine``, with the reason.
    """
    if len(text) > _MAX_LENGTH:
        raise VmprofError(f"an event list of {len(text):,} characters is too long to be one")
    if text.strip() == "none":
        return ()
    groups = dict.fromkeys(_groups(text, machine))
    _check_columns(groups)
    grouped = {event for group in groups if len(group) > 1 for event in group}
    return tuple(group for group in groups if len(group) > 1 or group[0] not in grouped)


def _groups(text: str, machine: Machine) -> Iterator[Group]:
    position = 0
    while rest := text[position:].lstrip(", \t\n"):
        position = len(text) - len(rest)
        element = _element(text, position)
        if element is None:
            raise VmprofError(
                f"event list {text!r}: no sense can be made of {rest!r}; each brace and slash "
                "needs its partner, and a group cannot hold another one"
            )
        names, letters, position = element
        if not names:
            raise VmprofError(f"event list {text!r}: a group is empty")
        yield tuple(dict.fromkeys(_event(name, letters, machine) for name in names))


def _element(text: str, position: int) -> tuple[list[str], str, int] | None:
    """Events, modifiers of a group, and the end of what begins at ``position``; None if nothing."""
    begin = _GROUP_BEGIN.match(text, position)
    position = begin.end() if begin else position
    names: list[str] = []
    while match := _EVENT.match(text, position):
        between = _BETWEEN.match(text, match.end())
        if between is None:
            return None
        names.append(match[0].strip())
        position = between.end()
        if begin is None:
            return (names, "", position) if text[position : position + 1] != "}" else None
    end = _GROUP_END.match(text, position) if begin else None
    return (names, end["modifiers"] or "", end.end()) if end else None


def _check_columns(groups: dict[Group, None]) -> None:
    """Two events of one name would be one column of the report."""
    columns: dict[str, Event] = {}
    for event in (event for group in groups for event in group):
        if columns.setdefault(event.name, event) != event:
            raise VmprofError(
                f"two events are called {event.name!r}; give one another name, such as "
                "cpu/event=0x3c,name=mine/"
            )


def _event(text: str, of_group: str, machine: Machine) -> Event:
    """The event ``text``, with its own modifiers and those of its group."""
    is_breakpoint = text.startswith(breakpoints.PREFIX)
    name, own = breakpoints.split(text) if is_breakpoint else modifiers.split(text)
    letters = modifiers.join(own, of_group, text)
    if is_breakpoint:
        return modifiers.apply(breakpoints.parse(name), letters)
    shared = None if "/" in name else generic.find(name)
    if shared is None:
        return modifiers.apply(_specific(name, machine), letters)
    event = Event(shared.column, generic_encodings(shared, machine), shared.in_kernel)
    return modifiers.apply(event, letters, has_levels=shared.has_levels)


def _specific(name: str, machine: Machine) -> Event:
    """An event that not every machine has."""
    if "/" in name:
        return parse_pmu_event(name, machine)
    if (config := raw_config(name)) is not None:
        return _raw(name, config, machine)
    event = (
        _named_by_core(name, machine)
        or tracepoints.find(name, machine)
        or libpfm.find(name, machine)
    )
    if event is None:
        raise VmprofError(f"there is no event {name!r}" + _help(name, machine))
    return event


def _raw(name: str, config: int, machine: Machine) -> Event:
    if machine.is_hybrid:
        # A number may mean something else on each kind of core.
        spellings = " or ".join(f"{pmu.name}/{name}/" for pmu in machine.core_pmus)
        raise VmprofError(f"event {name!r} belongs to one kind of core; write {spellings}")
    pmu = machine.core_pmus[0] if machine.has_pmu else None
    # Without a PMU too: that it is missing is for the kernel to say.
    return Event(name, (Encoding(pmu.name if pmu else "cpu", pmu.type if pmu else RAW, config),))


def _named_by_core(name: str, machine: Machine) -> Event | None:
    """What sysfs calls ``name`` on every core PMU: ``topdown-retiring``."""
    events = [named_event(name, pmu) for pmu in machine.core_pmus if name in pmu.events]
    if not events:
        return None
    if len(events) < len(machine.core_pmus):
        pmus = " or ".join(f"{event.encodings[0].pmu}/{name}/" for event in events)
        raise VmprofError(f"event {name!r} exists on some of the cores only; write {pmus}")
    encodings = tuple(encoding for event in events for encoding in event.encodings)
    return replace(events[0], encodings=encodings)


def _help(name: str, machine: Machine) -> str:
    """What to say about a name that nobody knows."""
    subsystem, colon, point = name.partition(":")
    unseen = tracepoints.why_none(machine)
    # Tracepoints are lower-case; a processor's own events mostly are not.
    if unseen and colon and point and subsystem.islower() and not point.startswith(":"):
        return f"; {unseen}"
    if (meant := papi.meaning(name)) is not None:
        return f": PAPI's own names are not known here; {meant}"
    own = [event for pmu in machine.core_pmus for event in pmu.events]
    return did_you_mean(
        name.removeprefix(generic.PREFIX),
        [*generic.spellings(), *own],
        otherwise=f"; {libpfm.why_not()}; `vmprof events` lists what there is",
    )
