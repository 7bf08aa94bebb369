"""Modifiers: the letters after an event that say at which privilege level it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vmprof.counters.encoding import Encoding, Event
from vmprof.counters.names import generic
from vmprof.errors import VmprofError

_LEVELS, _GUEST_OR_HOST = "ukh", "GH"
_TAKEN = _LEVELS + _GUEST_OR_HOST

# The rest of perf's (tools/perf/util/parse-events.l), which mean nothing for counting.
_REFUSED = {
    "p": "it asks for precise samples, and vmprof counts, it does not sample",
    "P": "it asks for precise samples, and vmprof counts, it does not sample",
    "S": "it is for the samples of a group, and vmprof counts, it does not sample",
    "R": "it asks for latencies in samples, and vmprof counts, it does not sample",
    "D": "vmprof itself decides what stays on the PMU: it counts in passes that fit",
    "W": "vmprof itself decides what stays on the PMU: it counts in passes that fit",
    "e": "vmprof itself decides what stays on the PMU: it counts in passes that fit",
    "I": "a thread that is being counted is never the idle one",
    "b": "vmprof does not count through BPF",
}
_LETTERS = frozenset(_TAKEN) | frozenset(_REFUSED)


def split(text: str) -> tuple[str, str]:
    """An event without its modifiers, and these: ``cycles:u`` and ``cpu/event=1/u`` have ``u``."""
    name, slash, end = text.rpartition("/")
    if slash:
        return name + slash, end.removeprefix(":")
    name, colon, end = text.rpartition(":")
    if not (colon and end) or name.endswith(":"):
        return text, ""
    # After a name that all processors share, whatever follows is meant as modifiers. Processors'
    # own names are mostly upper-case, and so are their unit masks: RESOURCE_STALLS:RS.
    own = name.rpartition("::")[2]
    is_mask = end.isupper() and own == own.upper()
    if generic.find(name) or (_LETTERS.issuperset(end) and not is_mask):
        return name, end
    return text, ""


def join(own: str, groups: str, event: str) -> str:
    """The modifiers of ``event`` and those of its group, once each, in perf's order."""
    for letter in own + groups:
        if letter in _REFUSED:
            raise VmprofError(
                f"event {event!r}: modifier {letter!r} is refused: {_REFUSED[letter]}"
            )
        if letter not in _TAKEN:
            raise VmprofError(
                f"event {event!r} has no modifier {letter!r}; there are: u (user space), "
                "k (kernel), h (hypervisor), G (guests alone), H (host alone)"
            )
    return "".join(letter for letter in _TAKEN if letter in own + groups)


def apply(event: Event, letters: str, *, has_levels: bool = True) -> Event:
    """``event``, counted only where ``letters`` say, and its column says so too.

    ``has_levels`` is false for an event that is counted whole, whatever is asked.
    """
    if not letters:
        return event
    if event.cpu_wide or not has_levels:
        raise VmprofError(
            f"event {event.name!r} cannot be limited by {letters!r}: the kernel counts it whole"
        )
    if event.in_kernel and "k" not in letters and set(letters) & set(_LEVELS):
        raise VmprofError(
            f"event {event.name!r} happens inside the kernel: with {letters!r} it would be 0 for "
            "ever; leave that out"
        )
    suffix = letters if event.name.endswith("/") else f":{letters}"
    encodings = tuple(_exclude(encoding, letters) for encoding in event.encodings)
    return replace(event, name=event.name + suffix, encodings=encodings)


def _exclude(encoding: Encoding, letters: str) -> Encoding:
    """As perf does: naming some levels leaves out the others; so do guest and host."""
    changes: dict[str, Any] = {}
    if set(letters) & set(_LEVELS):
        changes |= {
            "exclude_user": "u" not in letters,
            "exclude_kernel": "k" not in letters,
            "exclude_hv": "h" not in letters,
        }
    if set(letters) & set(_GUEST_OR_HOST):
        changes |= {"exclude_host": "H" not in letters, "exclude_guest": "G" not in letters}
    return replace(encoding, **changes)
