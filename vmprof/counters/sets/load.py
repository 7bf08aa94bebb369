"""Counter sets by name or path, as one machine counts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.encoding import Event, Group
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.events import parse_events
from vmprof.counters.reading.wide import WideEvent
from vmprof.counters.sets.file import SetFile, Variant
from vmprof.errors import VmprofError
from vmprof.expression import alias
from vmprof.user_files import files_in, find, folders, is_name
from vmprof.values import Derived

SHIPPED = Path(__file__).parent

# What formulas can use besides events: how long the call, or the run, took.
_DURATION = {"microseconds": "Duration (us)"}


@dataclass(frozen=True)
class CounterSet:
    """What to count on one machine.

    ``processors`` says which variant of the set this is, in words; it is empty
    where there is only one. ``fallback`` names the set to count where not one
    of the events can be opened.
    """

    name: str
    description: str
    events: str
    groups: tuple[Group, ...]
    metrics: tuple[Derived, ...] = ()
    processors: str = ""
    fallback: str | None = None


def choose(text: str, machine: Machine, environment: Mapping[str, str] = os.environ) -> CounterSet:
    """What a user asked for: a set by name or file, or else a list of events.

    A list of events becomes a set without metrics.
    """
    text = text.strip()
    if text.endswith(".toml") or find(text, _folders(environment)) is not None:
        return load_set(text, machine, environment)
    try:
        groups = parse_events(text, machine)
    except VmprofError as error:
        if not is_name(text):
            raise
        # It may have been meant as either.
        sets = ", ".join(sets_of(environment))
        raise VmprofError(f"{error}; the counter sets are: {sets}") from error
    return CounterSet(name="", description="", events=text, groups=groups)


def load_set(
    name_or_path: str, machine: Machine, environment: Mapping[str, str] = os.environ
) -> CounterSet:
    """The set of that name, or in that file (``*.toml``), for ``machine``.

    Names are looked up in the user's folder, ``vmprof/counters`` in
    ``$XDG_CONFIG_HOME`` or ``~/.config``, then among those that vmprof brings.
    Raises :class:`VmprofError` if there is no such set, if something is wrong
    in the file, or if none of its variants is for ``machine``.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
    else:
        found = find(name_or_path, _folders(environment))
        if found is None:
            raise VmprofError(
                f"there is no counter set {name_or_path!r}; "
                f"there are: {', '.join(sets_of(environment))}"
            )
        path = found
    file = SetFile.read(path)
    variant = _choose_variant(file, machine)
    try:
        groups = parse_events(variant.events, machine)
    except VmprofError as error:
        file.complain(variant, "events", error)
    return CounterSet(
        name=path.stem,
        description=file.description,
        events=variant.events,
        groups=groups,
        metrics=_metrics(file, variant, [event for group in groups for event in group]),
        processors=variant.processors,
        fallback=file.fallback,
    )


def file_of(text: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file of a counter set that vmprof does not bring, as :func:`choose` finds it."""
    text = text.strip()
    if text.endswith(".toml"):
        return Path(text)
    path = find(text, _folders(environment))
    return None if path is None or path.parent == SHIPPED else path


def sets_of(environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """All sets by name; the user's hide those of the same name that vmprof brings."""
    return files_in(_folders(environment))


def _folders(environment: Mapping[str, str]) -> list[Path]:
    return folders("counters", SHIPPED, environment)


def _choose_variant(file: SetFile, machine: Machine) -> Variant:
    processor = machine.processor
    facts = {
        "vendor": processor.vendor,
        "family": processor.family,
        "model": processor.model,
        "smt": machine.smt_active,
        "arm": processor.implementer is not None,
    }
    for variant in file.variants:
        try:
            if variant.when is None or variant.when.holds(
                facts, {"has": lambda event: _has(machine, event)}
            ):
                return variant
        except VmprofError as error:
            file.complain(variant, "when", error)
    listed = "; ".join(variant.processors for variant in file.variants)
    raise VmprofError(
        f"the counter set {file.name!r} has nothing for this machine; it is for: {listed}"
    )


def _has(machine: Machine, event: str) -> bool:
    """Whether there is a PMU that names the event (``cpu/slots/``), or a PMU at all (``cpu``)."""
    pmu, _, name = event.removesuffix("/").partition("/")
    return pmu in machine.pmus and (not name or name in machine.pmus[pmu].events)


def _metrics(file: SetFile, variant: Variant, events: list[Event]) -> tuple[Derived, ...]:
    sources = dict(_DURATION)
    for event in dict.fromkeys(events):  # one event may be in several groups
        column = WideEvent(event).column if event.cpu_wide else event.name
        name = alias(column)
        if name in sources:
            file.complain(
                variant,
                "events",
                VmprofError(f"{column} and {sources[name]} are both {name} in formulas"),
            )
        sources[name] = column
    metrics = []
    for column, definition in variant.metrics.items():
        names = definition.formula.names
        if unknown := names - sources.keys():
            file.complain(
                variant,
                column,
                VmprofError(
                    f"there is no {', '.join(sorted(unknown))} in this set; "
                    f"there are: {', '.join(sorted(sources))}"
                ),
            )
        if column in sources.values():
            file.complain(variant, column, VmprofError("an event has a column of that name"))
        metrics.append(
            Derived(
                column,
                definition.formula.text,
                definition.kind,
                {name: sources[name] for name in sorted(names)},
            )
        )
    return tuple(metrics)
