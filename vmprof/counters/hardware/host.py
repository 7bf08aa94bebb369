"""The computer, for whoever reads a report that was made on it.

A list for people: processor, clock, memory, kernel, and what is virtual about it. What /proc
and /sys do not tell is there as well, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from vmprof.counters.hardware.cache_levels import cache_levels
from vmprof.counters.hardware.cgroup import cpu_quota
from vmprof.counters.hardware.files import entries, number, text
from vmprof.counters.hardware.machine import Machine
from vmprof.values import UNKNOWN

_NO_CPUFREQ = f"{UNKNOWN}the kernel has no cpufreq here"
_NO_CPUFREQ_VIRTUAL = f"{_NO_CPUFREQ}: the clock is in the hands of the hypervisor's host"


def describe_host(
    machine: Machine, proc: Path = Path("/proc"), sys: Path = Path("/sys")
) -> Mapping[str, str]:
    """What ``machine``, which was read from these roots, and the files around it say."""
    return {
        "Processor": _processor(machine),
        "CPUs": _cpus(machine, sys),
        "Caches": _caches(sys),
        "Clock range": _clock_range(machine, sys),
        "Governor": _governor(machine, sys),
        "Turbo": _turbo(sys),
        "Memory": _memory(proc, sys),
        "Kernel": _kernel(proc),
        "Virtualisation": _virtualisation(machine, sys),
        "CPU quota": cpu_quota(proc, sys) or f"{UNKNOWN}there are no files of the CPU's cgroup",
    }


def sizes(size: int) -> str:
    """``1.5 MiB``."""
    for unit, bytes_of in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_of:
            return f"{size / bytes_of:.4g} {unit}"
    return f"{size} bytes"


def _processor(machine: Machine) -> str:
    processor = machine.processor
    numbers = {
        "family": processor.family,
        "model": processor.model,
        "stepping": processor.stepping,
        "part": None if processor.part is None else hex(processor.part),
    }
    parts = [
        processor.vendor,
        *(f"{name} {value}" for name, value in numbers.items() if value is not None),
    ]
    described = ", ".join(filter(None, parts))
    kinds = len(set(machine.processors.values()))
    if kinds > 1:
        described += f"; CPUs of {kinds} kinds"
    if processor.model_name:
        return f"{processor.model_name} ({described})"
    return described or f"{UNKNOWN}/proc/cpuinfo does not name it"


def _cpus(machine: Machine, sys: Path) -> str:
    online = len(machine.online_cpus) or len(machine.processors)
    if not online:
        return f"{UNKNOWN}neither /sys nor /proc/cpuinfo counts them"
    smt = {"0": ", SMT off", "1": ", SMT on"}.get(
        text(sys / "devices/system/cpu/smt/active").strip(), ""
    )
    isolated = ", ".join(map(str, machine.isolated_cpus))
    return f"{online} online{smt}{f', isolated: {isolated}' if isolated else ''}"


def _caches(sys: Path) -> str:
    found = [
        f"L{each.level} {each.instances} x {sizes(each.bytes)}"
        + (f", each for {each.cores} cores" if each.cores > 1 else "")
        for each in cache_levels(sys)
    ]
    return "; ".join(found) or f"{UNKNOWN}/sys has no caches of the processors"


def _clock_range(machine: Machine, sys: Path) -> str:
    lowest = _cpufreq_numbers(sys, "cpuinfo_min_freq")
    highest = _cpufreq_numbers(sys, "cpuinfo_max_freq")
    if not lowest or not highest:
        return _without_cpufreq(machine)
    return f"{min(lowest) / 1e3:,.0f} to {max(highest) / 1e3:,.0f} MHz"


def _governor(machine: Machine, sys: Path) -> str:
    if not machine.governors:
        return _without_cpufreq(machine)
    drivers = sorted({text(file).strip() for file in _cpufreq(sys, "scaling_driver")} - {""})
    governors = ", ".join(sorted(machine.governors))
    return f"{governors} ({', '.join(drivers)})" if drivers else governors


def _turbo(sys: Path) -> str:
    cpu = sys / "devices/system/cpu"
    if (off := number(cpu / "intel_pstate/no_turbo")) is not None:
        return "off" if off else "on"
    if (on := number(cpu / "cpufreq/boost")) is not None:
        return "on" if on else "off"
    return f"{UNKNOWN}the kernel has no switch for it"


def _without_cpufreq(machine: Machine) -> str:
    return _NO_CPUFREQ_VIRTUAL if machine.is_virtual else _NO_CPUFREQ


def _cpufreq(sys: Path, name: str) -> Iterable[Path]:
    return sys.glob(f"devices/system/cpu/cpu[0-9]*/cpufreq/{name}")


def _cpufreq_numbers(sys: Path, name: str) -> list[int]:
    found = [number(file) for file in _cpufreq(sys, name)]
    return [each for each in found if each is not None]


def _memory(proc: Path, sys: Path) -> str:
    total = re.search(r"^MemTotal:\s*([0-9]{1,18}) kB", text(proc / "meminfo"), re.MULTILINE)
    if total is None:
        return f"{UNKNOWN}/proc/meminfo does not tell"
    described = sizes(int(total[1]) << 10)
    nodes = [each for each in entries(sys / "devices/system/node") if each.name[4:].isdigit()]
    if len(nodes) > 1:
        described += f" in {len(nodes)} nodes"
    chosen = re.search(r"\[(\w+)\]", text(sys / "kernel/mm/transparent_hugepage/enabled"))
    return f"{described}, huge pages: {chosen[1]}" if chosen else described


def _kernel(proc: Path) -> str:
    sysctl = proc / "sys/kernel"
    parts = [text(sysctl / name).strip() for name in ("ostype", "osrelease", "version", "arch")]
    if not parts[1]:
        return f"{UNKNOWN}/proc/sys/kernel does not tell"
    return " ".join(filter(None, parts))


def _virtualisation(machine: Machine, sys: Path) -> str:
    dmi = sys / "class/dmi/id"
    maker, product = (text(dmi / name).strip() for name in ("sys_vendor", "product_name"))
    kind = text(sys / "hypervisor/type").strip()
    if machine.is_virtual or kind:
        named = " ".join(filter(None, [kind, maker, product]))
        return f"virtual machine ({named or 'the firmware does not name its maker'})"
    if not machine.processors:
        return f"{UNKNOWN}/proc/cpuinfo is empty"
    return "none to be seen"
