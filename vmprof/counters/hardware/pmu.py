"""PMUs as the kernel describes them under /sys/bus/event_source/devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmprof.counters.hardware.files import cpu_list, entries, number, text, whole

_BITS = 64  # of config and its like


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """An event that a PMU names itself: ``terms`` as in ``event=0x3c,umask=0x1``.

    A count times ``scale`` is in ``unit``.
    """

    terms: str
    scale: float = 1.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a term's value goes: inclusive bit ranges, lowest first, of an attr word."""

    word: str  # "config", "config1", "config2" or "config3"
    ranges: tuple[tuple[int, int], ...]

    @property
    def bits(self) -> int:
        return sum(high - low + 1 for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Pmu:
    """One event source of the kernel.

    ``cpus`` are the processors that a core PMU counts for, ``cpumask`` those on
    which a CPU-wide PMU's events are opened; each empty for the other kind.
    ``rdpmc`` is x86's setting of who may read counters without a system call: 0
    nobody, 1 who has opened an event, 2 everybody.
    """

    name: str
    type: int
    formats: Mapping[str, Field] = field(default_factory=dict)
    events: Mapping[str, NamedEvent] = field(default_factory=dict)
    cpus: tuple[int, ...] = ()
    cpumask: tuple[int, ...] = ()
    caps: Mapping[str, str] = field(default_factory=dict)
    is_core: bool = False
    rdpmc: int | None = None


def read_pmus(sys: Path) -> dict[str, Pmu]:
    """All PMUs under ``sys``, by name."""
    pmus = (_read_pmu(folder) for folder in entries(sys / "bus/event_source/devices"))
    return {pmu.name: pmu for pmu in pmus if pmu is not None}


def _read_pmu(folder: Path) -> Pmu | None:
    type_number = number(folder / "type")
    if type_number is None:
        return None
    cpus, cpumask = cpu_list(text(folder / "cpus")), cpu_list(text(folder / "cpumask"))
    formats = {file.name: _field(text(file)) for file in entries(folder / "format")}
    return Pmu(
        name=folder.name,
        type=type_number,
        formats={name: field for name, field in formats.items() if field is not None},
        events=_named_events(folder / "events"),
        cpus=cpus,
        cpumask=cpumask,
        caps={file.name: text(file).strip() for file in entries(folder / "caps")},
        # perf's own rule (is_sysfs_pmu_core, tools/perf/util/pmu.c).
        is_core=folder.name == "cpu" or bool(cpus),
        rdpmc=number(folder / "rdpmc"),
    )


def _field(text: str) -> Field | None:
    """``config1:0-7,32-35``, or None where the kernel says something else."""
    match = re.fullmatch(r"(config[123]?):(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\s*", text)
    if match is None:
        return None
    ranges = []
    for part in match[2].split(","):
        low, _, high = part.partition("-")
        first, last = whole(low), whole(high or low)
        if first is None or last is None or not first <= last < _BITS:
            return None
        ranges.append((first, last))
    return Field(match[1], tuple(ranges))


def _named_events(folder: Path) -> dict[str, NamedEvent]:
    """The files of ``folder``; ``NAME.scale`` and ``NAME.unit`` belong to the event ``NAME``."""
    contents = {file.name: text(file).strip() for file in entries(folder)}
    result = {}
    for name, terms in contents.items():
        if "." in name or not terms:  # NAME.per-pkg and NAME.snapshot are for perf's display
            continue
        result[name] = NamedEvent(
            terms, _scale(contents.get(f"{name}.scale")), contents.get(f"{name}.unit", "")
        )
    return result


def _scale(text: str | None) -> float:
    try:
        return float(text or 1.0)
    except ValueError:
        return 1.0
