"""What the caches of this machine hold, level by level, for a number of threads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.hardware.caches import size_of
from vmprof.counters.hardware.files import cpu_list, number, text


@dataclass(frozen=True)
class CacheLevel:
    """Caches for data of one ``level``: ``instances`` of ``bytes`` each.

    ``cores`` are those that share one; hardware threads of a core are one core.
    """

    level: int
    bytes: int
    cores: int
    instances: int

    def bytes_for(self, threads: int) -> int:
        """What ``threads``, one on a core, are sure to have of it together."""
        return self.bytes * min(-(-threads // self.cores), self.instances)


def cache_levels(sys_root: Path = Path("/sys")) -> list[CacheLevel]:
    """Nearest first; none where Linux does not tell. Of unequal cores, the least of each level."""
    found: dict[int, dict[tuple[int, ...], int]] = {}
    for folder in sys_root.glob("devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"):
        level, size = number(folder / "level"), size_of(text(folder / "size"))
        if level and size and text(folder / "type").strip() in ("Data", "Unified"):
            own = int(re.sub(r"\D", "", folder.parents[1].name))
            sharing = cpu_list(text(folder / "shared_cpu_list")) or (own,)
            found.setdefault(level, {})[sharing] = size
    if not found:
        return []
    cores = _cores(found[min(found)])
    return [
        CacheLevel(
            level,
            min(caches.values()),
            min(len({cores.get(cpu, -1 - cpu) for cpu in sharing}) for sharing in caches),
            len(caches),
        )
        for level, caches in sorted(found.items())
    ]


def _cores(nearest: Mapping[tuple[int, ...], int]) -> dict[int, int]:
    """By CPU, the core that it is of: hardware threads of a core share the nearest cache."""
    return {cpu: sharing[0] for sharing in nearest for cpu in sharing}
