"""What vmprof says of a host, where it runs: what can be counted, what is in the way, its peaks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import tvm
from msgspec import Struct

from vmprof.counters import Machine
from vmprof.counters.doctor import Facts, Finding, counts_hardware, diagnose
from vmprof.counters.listing import Listing, names
from vmprof.counters.reading.probe import prober
from vmprof.counters.reading.wide import WideEvent
from vmprof.counters.sets import choose, sets_of
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.progress import Progress, silent
from vmprof.record.probe import trials
from vmprof.zoo.compiler_half import need_compiler
from vmprof.zoo.peaks import Peaks, keep_peaks, kept_history


class Listed(Struct, frozen=True):
    """Events and counter sets: their ``names``, or all of it as ``data`` and as ``text``."""

    names: tuple[str, ...] = ()
    data: dict[str, Any] = {}
    text: str = ""


class Diagnosis(Struct, frozen=True):
    """Whether ``hardware`` counters can be opened, and all that there is to say."""

    hardware: bool
    findings: tuple[Finding, ...]


class MeasuredPeaks(Struct, frozen=True):
    """``peaks`` that were measured, and the files that they are ``kept`` in."""

    peaks: tuple[Peaks, ...]
    kept: tuple[str, ...] = ()


def listed(pattern: str, *, only_names: bool = False) -> Listed:
    """What there is to be counted that has ``pattern`` in it; nothing if nothing has."""
    machine = Machine.read()
    if only_names:
        return Listed(tuple(names(machine, pattern, sets_of())))
    listing = Listing.of(machine, pattern, sets_of(), prober(machine))
    found = tuple(each.known.name for each in listing.events)
    found += tuple(each.name for each in listing.sets)
    return Listed(found, listing.data(), listing.text())


def columns_of(counters: str) -> dict[str, str]:
    """The columns of the events that ``counters`` names, a set or a list, by event.

    :class:`VmprofError` for events that there are not.
    """
    events = [event for group in choose(counters, Machine.read()).groups for event in group]
    return {
        event.name: WideEvent(event).column if event.cpu_wide else event.name for event in events
    }


def diagnosis() -> Diagnosis:
    machine = Machine.read()
    failed = {each.what: each.failure for each in trials() if each.failure is not None}
    facts = Facts.gather(machine, prober(machine), failed)
    return Diagnosis(counts_hardware(facts), tuple(diagnose(facts)))


def kept_peaks(threads: Sequence[int]) -> MeasuredPeaks:
    """What was measured before with so many threads; where none is named, with one and all."""
    return MeasuredPeaks(
        tuple(peaks for number in threads or usual_threads() for peaks in kept_history(number))
    )


def measured_peaks(
    threads: Sequence[int], seconds: float | None = None, *, progress: Progress = silent
) -> MeasuredPeaks:
    """Measure the peaks with so many threads, and keep them; a warning says if that fails."""
    need_compiler("to measure the machine's peaks")
    from vmprof.zoo.peaks.measure import DEFAULT_SECONDS, measure

    seconds = DEFAULT_SECONDS if seconds is None else seconds
    found = tuple(measure(number, seconds, progress) for number in threads or usual_threads())
    try:
        kept = {str(keep_peaks(peaks)) for peaks in found}
    except VmprofError as error:
        warnings.warn(f"{error}", VmprofWarning, stacklevel=2)
        kept = set()
    return MeasuredPeaks(found, tuple(sorted(kept)))


def usual_threads() -> list[int]:
    """One, and as many as TVM's pool has."""
    return sorted({1, tvm.runtime.num_threads()})
