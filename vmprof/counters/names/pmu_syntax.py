"""Events in a PMU's own terms: ``cpu/event=0x3c,umask=0x1/``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from vmprof.counters.encoding import Encoding, Event
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.pmu import Field, NamedEvent, Pmu
from vmprof.counters.names import generic
from vmprof.counters.names.cores import generic_on
from vmprof.counters.names.suggest import did_you_mean
from vmprof.errors import VmprofError

_RAW = re.compile(r"r(?:0x)?([0-9a-f]{1,16})", re.IGNORECASE)

# Of a value; with more, leading zeros among them, it is none that fits.
_MAX_DIGITS = 66

_SAMPLING = "it is for samples, and vmprof counts, it does not sample"
_THREADS = "vmprof itself decides which threads count"
_CONFIG = "write r and the number in hexadecimal, or the PMU's terms"
# perf's own terms (tools/perf/util/parse-events.l) that do not choose what is counted.
_REFUSED = {
    "config": _CONFIG,
    "config1": _CONFIG,
    "config2": _CONFIG,
    "config3": _CONFIG,
    "period": _SAMPLING,
    "freq": _SAMPLING,
    "branch_type": _SAMPLING,
    "time": _SAMPLING,
    "call-graph": _SAMPLING,
    "stack-size": _SAMPLING,
    "max-stack": _SAMPLING,
    "overwrite": _SAMPLING,
    "no-overwrite": _SAMPLING,
    "inherit": _THREADS,
    "no-inherit": _THREADS,
    "percore": _THREADS,
    "cpu": _THREADS,
}


@dataclass(slots=True)
class _Terms:
    """What stood between the slashes."""

    values: dict[str, int] = field(default_factory=dict)
    named: NamedEvent | None = None
    raw: int | None = None
    shared: generic.Generic | None = None
    column: str | None = None


def raw_config(text: str) -> int | None:
    """The number of a raw event: 0x1c2 of ``r1c2``; None for anything else."""
    match = _RAW.fullmatch(text)
    return int(match[1], 16) if match else None


def parse_pmu_event(text: str, machine: Machine) -> Event:
    """The event ``PMU/TERMS/``: its column is the text, or what the term ``name`` says."""
    name, _, inside = text.removesuffix("/").partition("/")
    pmu = machine.pmus.get(name)
    if pmu is None:
        raise VmprofError(
            f"event {text!r}: this machine has no PMU {name!r}"
            + did_you_mean(name, machine.pmus, otherwise="; `vmprof events` lists what there is")
        )
    terms = _Terms()
    for term in filter(None, map(str.strip, inside.split(","))):
        _take(term, terms, pmu, text)
    if terms.named is not None:
        # What the user says beside a name goes before what the name stands for.
        terms.values = _values(terms.named, pmu, text) | terms.values
    if [terms.named, terms.raw, terms.shared].count(None) < 2 or (
        terms.shared is not None and terms.values
    ):
        raise VmprofError(f"event {text!r} says twice what to count; name one event")
    if terms.shared is not None:
        return Event(terms.column or text, (generic_on(terms.shared, pmu, machine),))
    if terms.named is None and terms.raw is None and not terms.values:
        raise VmprofError(
            f"event {text!r} does not say what to count; PMU {name!r} has the terms: "
            + ", ".join(pmu.formats)
        )
    return _event(terms, pmu, text)


def named_event(name: str, pmu: Pmu) -> Event:
    """The event of ``pmu`` that sysfs has under ``name``."""
    named = pmu.events[name]
    return _event(_Terms(_values(named, pmu, name), named), pmu, name)


def _event(terms: _Terms, pmu: Pmu, text: str) -> Event:
    attr: dict[str, Any] = {"config": terms.raw or 0}
    for term, value in terms.values.items():
        place = pmu.formats[term]
        attr[place.word] = _put(value, place, attr.get(place.word, 0))
    # A PMU with a cpumask counts for those processors as a whole, or the packages around them.
    encoding = replace(Encoding(pmu.name, pmu.type, 0, cpus=pmu.cpumask), **attr)
    named = terms.named or NamedEvent("")
    return Event(terms.column or text, (encoding,), scale=named.scale, unit=named.unit)


def _take(term: str, terms: _Terms, pmu: Pmu, text: str) -> None:
    """Add one term to the others."""
    name, equals, value = (part.strip() for part in term.partition("="))
    raw = raw_config(term)
    if name in pmu.formats:
        if name in terms.values:
            raise VmprofError(f"event {text!r} gives {name!r} twice")
        terms.values[name] = _number(value if equals else "1", name, pmu.formats[name], text)
    elif name == "name" and value:
        terms.column = value.strip("'\"")
    elif name in _REFUSED:
        raise VmprofError(f"event {text!r}: term {name!r} is refused: {_REFUSED[name]}")
    elif not equals and name in pmu.events and terms.named is None:
        terms.named = pmu.events[name]
    elif raw is not None and terms.raw is None and pmu.is_core:
        terms.raw = raw
    elif not equals and pmu.is_core and (shared := generic.find(name)) and shared.is_hardware:
        terms.shared = shared
    else:
        known = [*pmu.formats, *pmu.events]
        raise VmprofError(
            f"event {text!r}: PMU {pmu.name!r} has no term {term!r}"
            + did_you_mean(name, known, otherwise=f"; its terms: {', '.join(pmu.formats)}")
        )


def _values(named: NamedEvent, pmu: Pmu, text: str) -> dict[str, int]:
    """The terms that a named event stands for."""
    values = {}
    for term in named.terms.split(","):
        name, equals, value = term.partition("=")
        if value == "?":
            raise VmprofError(
                f"event {text!r} needs a value: add {name}=NUMBER between the slashes"
            )
        if name not in pmu.formats:
            raise VmprofError(
                f"event {text!r}: the kernel describes it as {named.terms!r}, but PMU "
                f"{pmu.name!r} has no term {name!r}"
            )
        values[name] = _number(value if equals else "1", name, pmu.formats[name], text)
    return values


def _number(value: str, name: str, place: Field, text: str) -> int:
    if not re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", value):
        raise VmprofError(f"event {text!r}: {name} is {value!r}; a number is needed, such as 0x3c")
    base = 16 if value[:2].lower() == "0x" else 10
    number = int(value, base) if len(value) <= _MAX_DIGITS else None
    if number is None or number >> place.bits:
        raise VmprofError(
            f"event {text!r}: {name} is {value[:_MAX_DIGITS]}; the field has {place.bits} bits, "
            f"so at most {(1 << place.bits) - 1:#x}"
        )
    return number


def _put(value: int, place: Field, word: int) -> int:
    """``word`` with ``value`` in the field's bits, lowest first."""
    for low, high in place.ranges:
        mask = (1 << high - low + 1) - 1
        word = word & ~(mask << low) | (value & mask) << low
        value >>= high - low + 1
    return word
