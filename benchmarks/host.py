"""The state of the machine that figures were measured on, for their reader."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from vmprof.counters import Machine
from vmprof.counters.hardware.files import number, text

_UNREADABLE = "cannot be read here"
_CPU0 = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def state() -> dict[str, str]:
    """What does not change while benchmarks run, and the date."""
    machine = Machine.read()
    allowed = len(os.sched_getaffinity(0))
    memory = re.search(r"MemTotal:\s*(\d+)", text(Path("/proc/meminfo")))
    return {
        "Date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "Processor": machine.processor.model_name or machine.vendor or platform.machine(),
        "Cores": f"{len(machine.online_cpus)} logical, {allowed} for this process"
        + (", SMT" if machine.smt_active else ""),
        "Clock": _clock(),
        "Governor": ", ".join(sorted(machine.governors)) or _UNREADABLE,
        "Virtualised": "yes" if machine.is_virtual else "no",
        "PMU": "yes" if machine.has_pmu else "no",
        "Memory": f"{int(memory[1]) / 2**20:,.0f} GiB" if memory else _UNREADABLE,
        "Kernel": f"{platform.system()} {platform.release()}",
        "C library": " ".join(platform.libc_ver()).strip() or _UNREADABLE,
        "Python": platform.python_version(),
        "TVM": version("apache-tvm"),
        "tvm-ffi": version("apache-tvm-ffi"),
        "vmprof": version("tvm-vmprof"),
        "TVM_NUM_THREADS": os.environ.get("TVM_NUM_THREADS", "not set: half of the logical cores"),
    }


def load() -> str:
    """Processes that run or want to, as means over 1, 5 and 15 minutes."""
    return ", ".join(f"{each:.2f}" for each in os.getloadavg())


def processor_times() -> Sequence[int]:
    """Ticks of all processors since the machine started, by kind: user, nice, system, idle ..."""
    first = text(Path("/proc/stat")).partition("\n")[0]
    return [int(each) for each in first.split()[1:]]


def shares(before: Sequence[int], after: Sequence[int]) -> dict[str, str]:
    """What processors did between two `processor_times`."""
    ticks = [now - then for then, now in zip(before, after, strict=True)]
    whole = sum(ticks[:8])  # behind them stand those of guests, which are in user's already
    if not whole:
        return {}
    idle, stolen = ticks[3] + ticks[4], ticks[7]
    return {
        "Processors idle": f"{100 * idle / whole:.0f} % of the time",
        "Stolen by the host": f"{100 * stolen / whole:.1f} % of the time",
    }


def _clock() -> str:
    """Of the first CPU, from its driver; else what /proc/cpuinfo says."""
    now, most = number(_CPU0 / "scaling_cur_freq"), number(_CPU0 / "scaling_max_freq")
    if now and most:
        return f"{now / 1e6:.2f} GHz, at most {most / 1e6:.2f}"
    found = re.search(r"cpu MHz\s*:\s*([\d.]+)", text(Path("/proc/cpuinfo")))
    return f"{float(found[1]) / 1e3:.2f} GHz, says the kernel" if found else _UNREADABLE
