"""Tracepoints: places in the kernel, by subsystem and name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vmprof.counters.encoding import TRACEPOINT, Encoding, Event
from vmprof.counters.hardware.files import entries, number
from vmprof.counters.hardware.machine import Machine
from vmprof.errors import VmprofError

# Where tracefs is mounted: since Linux 4.1, and before.
_PLACES = ("kernel/tracing/events", "kernel/debug/tracing/events")


def find(name: str, machine: Machine) -> Event | None:
    """The tracepoint ``SUBSYSTEM:NAME``, or None where the kernel has no such subsystem."""
    subsystem, _, point = name.partition(":")
    if not point or "/" in name or ".." in name or "\0" in name:
        return None
    folder = _folder(machine)
    if folder is None or not _exists(folder / subsystem):
        return None
    file = folder / subsystem / point / "id"
    identity = number(file)
    if identity is None:
        if _exists(file.parent):
            raise VmprofError(
                f"tracepoint {name!r}: {file} cannot be read; run as root, or give your group "
                'access: sudo mount -o remount,mode=750,gid="$(id -g)" /sys/kernel/tracing'
            )
        known = ", ".join(f"{subsystem}:{p.name}" for p in entries(folder / subsystem)[:8])
        raise VmprofError(f"there is no tracepoint {name!r}; {subsystem} has: {known}, ...")
    return Event(name, (Encoding("tracepoint", TRACEPOINT, identity),), in_kernel=True)


def why_none(machine: Machine) -> str | None:
    """Why no tracepoint can be found at all, and what to do; None where they can."""
    if _folder(machine) is not None:
        return None
    return (
        "tracepoints are out of sight: run as root, with tracefs mounted "
        "(sudo mount -t tracefs tracefs /sys/kernel/tracing)"
    )


def names(machine: Machine) -> Iterator[str]:
    """All tracepoints that the kernel shows."""
    folder = _folder(machine)
    for subsystem in entries(folder) if folder else []:
        for point in entries(subsystem):
            if _exists(point / "id"):
                yield f"{subsystem.name}:{point.name}"


def _folder(machine: Machine) -> Path | None:
    folders = (machine.sys / place for place in _PLACES)
    return next((folder for folder in folders if entries(folder)), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
