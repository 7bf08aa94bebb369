"""Events that a machine takes, or seems to take, and does not count as their name says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vmprof.counters.encoding import HARDWARE, HW_CACHE, Event, Group
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.pmu import Pmu
from vmprof.counters.names.cores import ARM_EXTENDED, needs_newer_kernel

_FRONTEND, _BACKEND = 7, 8  # enum perf_hw_id

# Intel's topdown events: umask in the upper byte, event 0 in the lower.
_SLOTS, _METRICS = 0x0400, range(0x8000, 0x8800, 0x100)

# What sysfs calls the events of enum perf_hw_id, on x86 (arch/x86/events/core.c: events_attr). It
# leaves out those that the kernel has nothing for on this processor (is_visible, there).
_SYSFS_NAMES = (
    "cpu-cycles",
    "instructions",
    "cache-references",
    "cache-misses",
    "branch-instructions",
    "branch-misses",
    "bus-cycles",
    "stalled-cycles-frontend",
    "stalled-cycles-backend",
    "ref-cycles",
)
_X86 = ("GenuineIntel", "AuthenticAMD")


@dataclass(frozen=True, slots=True)
class Erratum:
    """Generic events ``ids`` are refused, for ``reason``, where ``applies``."""

    ids: frozenset[int]
    applies: Callable[[int, Machine], bool]
    reason: str


def _terms(event: int, pmu: Pmu) -> str | None:
    """What the kernel counts for a generic event, as sysfs says it."""
    named = pmu.events.get(_SYSFS_NAMES[event])
    return named.terms if named else None


def _is_zen2_or_later(machine: Machine) -> bool:
    """As the kernel tells Zen apart (arch/x86/kernel/cpu/amd.c: bsp_determine_zen)."""
    family, model = machine.processor.family or 0, machine.processor.model or 0
    is_zen1 = family == 0x17 and (model < 0x30 or 0x50 <= model < 0x60)
    return machine.vendor == "AuthenticAMD" and family >= 0x17 and not is_zen1


def _counts_pmc087(event: int, machine: Machine) -> bool:
    if not _is_zen2_or_later(machine):
        return False
    terms = [_terms(event, pmu) for pmu in machine.core_pmus]
    if any(pmu.events for pmu in machine.core_pmus):
        # A distribution's kernel may have the correction whatever its number.
        return any(each is not None and each.startswith("event=0x87") for each in terms)
    return machine.has_pmu and machine.kernel < (6, 9)


def _is_absent(event: int, machine: Machine) -> bool:
    """Whether some core PMU, that lists its events, lacks this one."""
    listing = [pmu for pmu in machine.core_pmus if pmu.events]
    return machine.vendor in _X86 and any(_terms(event, pmu) is None for pmu in listing)


def _is_absent_on(vendor: str) -> Callable[[int, Machine], bool]:
    return lambda event, machine: machine.vendor == vendor and _is_absent(event, machine)


# The first that applies is the reason.
ERRATA = (
    # Commit c7b2edd8377b, "perf/x86/amd/core: Update and fix stalled-cycles-* events for Zen 2 and
    # later", in Linux 6.9: PMCx087 is not there; PMCx0A9 is the frontend's, the backend has none.
    Erratum(
        frozenset({_FRONTEND, _BACKEND}),
        _counts_pmc087,
        "this kernel counts it with PMCx087, which AMD processors since Zen 2 do not have; Linux "
        "6.9 counts frontend stalls rightly, and backend stalls not at all",
    ),
    Erratum(
        frozenset({_BACKEND}),
        lambda event, machine: _is_zen2_or_later(machine) and _is_absent(event, machine),
        "AMD processors since Zen 2 have no event for backend stalls",
    ),
    # arch/x86/events/intel/core.c, intel_pmu_init: stalled-cycles-frontend is set for Nehalem,
    # Westmere, Sandy Bridge and Ivy Bridge, stalled-cycles-backend for the first three, and neither
    # for any other, Atoms included.
    Erratum(
        frozenset({_FRONTEND}),
        _is_absent_on("GenuineIntel"),
        "Intel processors since Haswell have no event for frontend stalls; where the PMU has "
        "topdown events, topdown-fe-bound counts lost slots",
    ),
    Erratum(
        frozenset({_BACKEND}),
        _is_absent_on("GenuineIntel"),
        "Intel processors since Ivy Bridge have no event for backend stalls; where the PMU has "
        "topdown events, topdown-be-bound counts lost slots",
    ),
    Erratum(
        frozenset(range(len(_SYSFS_NAMES))),
        _is_absent,
        "this kernel has no event of this processor for it",
    ),
)


def objection(event: Event, machine: Machine) -> str | None:
    """Why ``event`` must not be counted on ``machine``, though the kernel may take it; or None."""
    for encoding in event.encodings:
        # The upper half is a hybrid's PMU.
        generic = encoding.config & 0xFFFFFFFF
        if encoding.type == HARDWARE:
            for erratum in ERRATA:
                if generic in erratum.ids and erratum.applies(generic, machine):
                    return erratum.reason
        pmu = machine.pmus.get(encoding.pmu)
        if (
            encoding.type in (HARDWARE, HW_CACHE)
            and machine.is_hybrid
            and pmu is not None
            and needs_newer_kernel(pmu, machine)
        ):
            version = ".".join(map(str, ARM_EXTENDED))
            return (
                f"{pmu.name} does not list it, and kernels before {version} cannot be asked for "
                "it on each kind of core"
            )
    return None


def required_leader(event: Event, machine: Machine) -> Event | None:
    """The event without which, leading the group, the kernel does not take ``event``; or None.

    Intel's topdown metrics are parts of the event "slots"
    (arch/x86/events/intel/core.c, intel_pmu_hw_config: "The metric events
    require a slots group leader").
    """
    for encoding in event.encodings:
        pmu = machine.pmus.get(encoding.pmu)
        if pmu and pmu.is_core and "slots" in pmu.events and encoding.config in _METRICS:
            return Event(f"{pmu.name}/slots/", (replace(encoding, config=_SLOTS),))
    return None


def group_objection(group: Group, machine: Machine) -> str | None:
    """Why the events of ``group`` cannot be counted as that group; or None."""
    leading = {(encoding.pmu, encoding.config) for encoding in group[0].encodings}
    for event in group:
        leader = required_leader(event, machine)
        if leader and (leader.encodings[0].pmu, _SLOTS) not in leading:
            return (
                f"{event.name!r} is counted only in a group that slots leads: write "
                f"{{{leader.name},...}} with it inside"
            )
    return None
