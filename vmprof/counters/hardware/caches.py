"""The caches of this machine, and how large they are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.hardware.files import cpu_list, entries, number, text

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_KINDS = {"Data": "d", "Instruction": "i"}


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache of one CPU: ``L1d``, its size in bytes, and how many CPUs share it."""

    name: str
    size: int
    shared_by: int


def caches_of(cpu: int = 0, sys_root: Path = Path("/sys")) -> list[Cache]:
    """The caches of ``cpu``, nearest first; none where Linux does not tell."""
    found = []
    for folder in entries(sys_root / f"devices/system/cpu/cpu{cpu}/cache"):
        level, size = number(folder / "level"), size_of(text(folder / "size"))
        if level is not None and size:
            kind = _KINDS.get(text(folder / "type").strip(), "")
            sharing = cpu_list(text(folder / "shared_cpu_list"))
            found.append(Cache(f"L{level}{kind}", size, max(len(sharing), 1)))
    return sorted(found, key=lambda cache: cache.name)


def largest_cache(sys_root: Path = Path("/sys")) -> int:
    """Bytes of the largest cache of any processor; 0 where neither Linux nor C's library tells."""
    files = sys_root.glob("devices/system/cpu/cpu[0-9]*/cache/index*/size")
    sizes = [size_of(text(file)) for file in files]
    if not any(sizes):
        sizes = [os.sysconf(each) for each in os.sysconf_names if each.endswith("CACHE_SIZE")]
    return max([0, *sizes])


def size_of(size: str) -> int:
    """``32768K``, as Linux writes it."""
    match = re.fullmatch(r"(\d+)([KMG])\s*", size)
    return int(match[1]) * _UNITS[match[2]] if match else 0
