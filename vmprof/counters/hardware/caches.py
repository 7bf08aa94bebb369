"""The caches of this machine, and how large they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vmprof.counters.hardware.files import text

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def largest_cache(sys_root: Path = Path("/sys")) -> int:
    """Bytes of the largest cache of any processor; 0 where neither Linux nor C's library tells."""
    files = sys_root.glob("devices/system/cpu/cpu[0-9]*/cache/index*/size")
    sizes = [size_of(text(file)) for file in files]
    if not any(sizes):
        sizes = [os.sysconf(each) for each in os.sysconf_names if each.endswith("CACHE_SIZE")]
    return max([0, *sizes])


def size_of(size: str) -> int:
    """``32768K``, as Linux writes it."""
    match = re.fullmatch(r"([0-9]{1,18})([KMG])\s*", size)
    return int(match[1]) * _UNITS[match[2]] if match else 0
