"""Breakpoints: how often an instruction is executed, or memory accessed.

Processors have a few of them (x86 four), virtual ones without a PMU too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from vmprof.counters.encoding import BREAKPOINT, Encoding, Event, Group
from vmprof.errors import VmprofError

# How the name of one begins, and all of it that a list of events may hold.
PREFIX = "mem:"
NAME = rf"{PREFIX}[^,{{}}/]*(?:/[^,{{}}/]*)?"

_PARTS = re.compile(rf"{PREFIX}(?P<place>[^:/]+)(?:/(?P<length>\w+))?(?::(?P<access>[rwx]+))?")
_WITH_MODIFIERS = re.compile(rf"(?P<name>{_PARTS.pattern}):(?P<modifiers>\w+)")
# HW_BREAKPOINT_R, _W and _X of linux/hw_breakpoint.h
_ACCESSES = {"r": 1, "w": 2, "x": 4}
_LENGTHS = ("1", "2", "4", "8")
# perf's own defaults (tools/perf/util/parse-events.c, parse_events_add_breakpoint).
_LENGTH_OF_CODE, _LENGTH_OF_DATA = 8, 4


class Place(NamedTuple):
    """Where a symbol lies in this process, and whether it is a function."""

    address: int
    is_code: bool


def split(text: str) -> tuple[str, str]:
    """A breakpoint without its modifiers, and these: ``mem:0x10:x:u`` has ``u``."""
    match = _WITH_MODIFIERS.fullmatch(text)
    if match is None or _PARTS.fullmatch(text):
        return text, ""
    return match["name"], match["modifiers"]


def parse(name: str) -> Event:
    """The breakpoint ``mem:PLACE[/LENGTH][:ACCESS]``.

    ``PLACE`` is an address or a symbol, to be found by `located`; ``ACCESS`` is made of
    r, w and x, by default reads and writes. Raises :class:`VmprofError`.
    """
    match = _PARTS.fullmatch(name)
    if match is None:
        raise VmprofError(
            f"event {name!r}: a breakpoint is mem:ADDRESS or mem:SYMBOL, then /LENGTH, then "
            ":x (executions), :rw, :r or :w (accesses)"
        )
    place, length, access = match["place"], match["length"], match["access"] or "rw"
    if len(set(access)) < len(access) or ("x" in access and access != "x"):
        raise VmprofError(f"event {name!r}: {access!r} is not one of x, rw, r, w")
    if length is not None and length not in _LENGTHS:
        raise VmprofError(f"event {name!r}: the length is one of {', '.join(_LENGTHS)} bytes")
    if access == "x" and length not in (None, str(_LENGTH_OF_CODE)):
        raise VmprofError(f"event {name!r}: what is executed has no length; leave it out")
    default = _LENGTH_OF_CODE if access == "x" else _LENGTH_OF_DATA
    is_number = place[0].isdigit()
    try:
        address = int(place, 0) if is_number else 0
    except ValueError:
        raise VmprofError(
            f"event {name!r}: {place!r} is no address, such as 0x7f0012345678"
        ) from None
    encoding = Encoding(
        "breakpoint",
        BREAKPOINT,
        0,
        address,
        int(length or default),
        bp_type=sum(_ACCESSES[letter] for letter in access),
        symbol="" if is_number else place,
    )
    return Event(name, (encoding,))


def located(groups: Iterable[Group], find: Callable[[str], Place]) -> tuple[Group, ...]:
    """``groups`` with the addresses of their breakpoints, of which ``find`` knows the symbols."""
    return tuple(tuple(_located(event, find) for event in group) for group in groups)


def _located(event: Event, find: Callable[[str], Place]) -> Event:
    (first, *_) = event.encodings
    if not first.symbol:
        return event
    address, is_code = find(first.symbol)
    if is_code and first.bp_type != _ACCESSES["x"]:
        raise VmprofError(
            f"event {event.name!r}: {first.symbol} is a function; to count how often it is "
            f"executed write {PREFIX}{first.symbol}:x"
        )
    return replace(event, encodings=(replace(first, config1=address, symbol=""),))
