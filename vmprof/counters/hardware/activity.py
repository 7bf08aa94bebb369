"""What happened on the processors between two moments, as the kernel counts it.

Who else used them, for how long this process's threads waited for one, what a hypervisor, a
quota or heat took away, and how they were clocked. It is read at either end of a measurement.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.hardware.cgroup import stopped_seconds
from vmprof.counters.hardware.files import entries, number, text, whole

_TICKS = os.sysconf("SC_CLK_TCK")
# Columns of a line of /proc/stat: user nice system idle iowait irq softirq steal. The time of
# guests is in user and nice as well.
_USED, _STEAL = (0, 1, 2, 5, 6), 7


@dataclass(frozen=True)
class Moment:
    """What the kernel has counted up to now; None is what it does not count.

    ``used`` and ``stolen`` are seconds of all ``cpus`` together: used by anybody, and taken by
    the hypervisor. ``own`` are those that this process used, ``waited`` those that each of its
    threads was ready to run and did not, ``stopped`` those for which a quota stopped it.
    ``overheated`` is how often a processor lowered its clock for that. ``load`` is
    /proc/loadavg's, ``clock`` the highest of any CPU at the moment, in MHz. ``online`` and
    ``allowed`` are lists of CPUs (0-3,8): those that there are, and that this process may run on.
    """

    at: float
    own: float
    cpus: int
    used: float | None
    stolen: float | None
    waited: Mapping[str, float] | None
    stopped: float | None
    overheated: int | None
    load: str | None
    clock: float | None
    online: str = ""
    allowed: str = ""

    @classmethod
    def now(cls, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Moment:
        ticks = text(proc / "stat").partition("\n")[0].split()[1:]
        numbers = [value for each in ticks if (value := whole(each)) is not None]
        has_stat = len(numbers) > _STEAL and any(numbers)
        clocks = [number(file) for file in _of_cpus(sys, "cpufreq/scaling_cur_freq")]
        heats = [number(file) for file in _of_cpus(sys, "thermal_throttle/core_throttle_count")]
        clock = max((each for each in clocks if each is not None), default=None)
        return cls(
            at=time.monotonic(),
            own=time.process_time(),
            cpus=text(proc / "stat").count("\ncpu"),
            used=sum(numbers[place] for place in _USED) / _TICKS if has_stat else None,
            stolen=numbers[_STEAL] / _TICKS if has_stat else None,
            waited=_waited(proc),
            stopped=stopped_seconds(proc, sys),
            overheated=sum(each or 0 for each in heats) if heats else None,
            load=", ".join(text(proc / "loadavg").split()[:3]) or None,
            clock=None if clock is None else clock / 1e3,
            online=text(sys / "devices/system/cpu/online").strip(),
            allowed=_status(proc, "Cpus_allowed_list"),
        )


@dataclass(frozen=True)
class Activity:
    """What happened from ``begin`` to ``end``; None is what nobody knows.

    ``others`` and ``stolen`` are CPUs that were taken on average (0.4: two fifths of one's
    time), ``own`` those that this process used. ``waited`` is the time that its threads
    together were ready to run and did not, over the time that passed; ``stopped`` likewise.
    """

    begin: Moment
    end: Moment

    @property
    def seconds(self) -> float:
        return self.end.at - self.begin.at

    @property
    def own(self) -> float:
        return self._rate(self.end.own - self.begin.own)

    @property
    def is_long_enough(self) -> bool:
        """Whether so coarse a clock as that of /proc/stat tells: by less than a twentieth off."""
        return self.seconds * _TICKS >= 20 * max(self.end.cpus, 1)

    @property
    def others(self) -> float | None:
        if self.begin.used is None or self.end.used is None or not self.is_long_enough:
            return None
        used = self._rate(self.end.used - self.begin.used)
        # Ticks are coarse, and own time is not: the difference may be less than nothing.
        return max(used - self.own, 0.0)

    @property
    def stolen(self) -> float | None:
        if self.begin.stolen is None or self.end.stolen is None or not self.is_long_enough:
            return None
        return self._rate(max(self.end.stolen - self.begin.stolen, 0.0))

    @property
    def waited(self) -> float | None:
        before, after = self.begin.waited, self.end.waited
        if before is None or after is None:
            return None
        return self._rate(sum(after[thread] - before.get(thread, 0.0) for thread in after))

    @property
    def stopped(self) -> float | None:
        if self.begin.stopped is None or self.end.stopped is None:
            return None
        return self._rate(max(self.end.stopped - self.begin.stopped, 0.0))

    @property
    def overheated(self) -> int | None:
        if self.begin.overheated is None or self.end.overheated is None:
            return None
        return max(self.end.overheated - self.begin.overheated, 0)

    @property
    def moved(self) -> str:
        """How the CPUs changed that this process may run on; empty if they did not."""
        begin, end = self.begin, self.end
        parts = [
            f"{what} {before or 'none'}, then {after or 'none'}"
            for what, before, after in (
                ("online", begin.online, end.online),
                ("allowed", begin.allowed, end.allowed),
            )
            if before != after
        ]
        return "; ".join(parts)

    def _rate(self, seconds: float) -> float:
        return seconds / self.seconds if self.seconds > 0 else 0.0


def _status(proc: Path, name: str) -> str:
    lines = text(proc / "self/status").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _waited(proc: Path) -> dict[str, float] | None:
    """Seconds by thread, the second number of its schedstat; None without CONFIG_SCHED_INFO."""
    found = {}
    for folder in entries(proc / "self/task"):
        numbers = text(folder / "schedstat").split()
        if len(numbers) > 1 and (waited := whole(numbers[1])) is not None:
            found[folder.name] = waited / 1e9
    return found or None


def _of_cpus(sys: Path, name: str) -> list[Path]:
    return [*sys.glob(f"devices/system/cpu/cpu[0-9]*/{name}")]
