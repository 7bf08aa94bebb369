"""The cgroups that this process is in, as far as they limit CPU time: containers' --cpus."""

from __future__ import annotations

import re
from pathlib import Path

from vmprof.counters.hardware.files import number, text, whole

_STOPPED = re.compile(r"^(throttled_usec|throttled_time) ([0-9]{1,18})$", re.MULTILINE)
_PER_SECOND = {"throttled_usec": 1e6, "throttled_time": 1e9}  # cgroup v2 and v1


def cpu_quota(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> str | None:
    """``2 CPUs`` or ``none``, the least of all around the process; None without such files."""
    found = [quota for folder in _folders(proc, sys) if (quota := _quota(folder)) is not None]
    if not found:
        return None
    least = min(found)
    return "none" if least == float("inf") else f"{least:g} CPU{'' if least == 1 else 's'}"


def stopped_seconds(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> float | None:
    """For how long a quota has stopped threads so far; None where the kernel does not tell."""
    found = [
        int(match[2]) / _PER_SECOND[match[1]]
        for folder in _folders(proc, sys)
        for match in _STOPPED.finditer(text(folder / "cpu.stat"))
    ]
    return max(found, default=None)


def _quota(folder: Path) -> float | None:
    match text(folder / "cpu.max").split():
        case ["max", _]:
            return float("inf")
        case [quota, period] if whole(period):
            allowed, each = whole(quota), whole(period)
            if allowed is not None and each:
                return allowed / each
    allowed, each = number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us")
    if allowed is None or not each:
        return None
    return float("inf") if allowed < 0 else allowed / each


def _folders(proc: Path, sys: Path) -> list[Path]:
    """The folders of the process's cgroup and of those around it.

    A container sees its own at the root, whatever its path is outside.
    """
    root = sys / "fs/cgroup"
    found = dict.fromkeys((root, root / "cpu,cpuacct", root / "cpu"))
    for line in text(proc / "self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        inside = Path(path.strip("/"))
        around = [inside, *inside.parents]
        if not controllers:
            found |= dict.fromkeys(root / each for each in around)
        elif "cpu" in controllers.split(","):
            mounts = (root / "cpu,cpuacct", root / "cpu")
            found |= dict.fromkeys(mount / each for mount in mounts for each in around)
    return [*found]
