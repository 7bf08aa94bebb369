"""Why an event could not be opened on this machine, and what to do about it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.events import Event


@dataclass(frozen=True)
class Machine:
    """The parts of /proc and /sys that decide what can be counted."""

    paranoid: int | None  # kernel.perf_event_paranoid; None where it does not exist
    has_pmu: bool
    is_virtual: bool
    has_seccomp: bool

    @classmethod
    def read(cls, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Machine:
        """Read this machine, or a recorded one under other roots."""
        devices = sys / "bus/event_source/devices"
        return cls(
            paranoid=_number(proc / "sys/kernel/perf_event_paranoid"),
            # A core PMU is "cpu" on x86, "cpu_core"/"cpu_atom" on hybrids, "armv8_..." on Arm.
            has_pmu=any(devices.glob("cpu*")) or any(devices.glob("armv*")),
            is_virtual="hypervisor" in _text(proc / "cpuinfo"),
            has_seccomp="\nSeccomp:\t2" in _text(proc / "self/status"),
        )


def explain(code: int, event: Event, machine: Machine) -> str:
    """Reason and remedy for ``errno`` ``code`` from perf_event_open for ``event``."""
    if code in (errno.EACCES, errno.EPERM):
        if machine.has_seccomp and (machine.paranoid is None or machine.paranoid <= 2):
            return (
                "a seccomp filter (container?) forbids perf_event_open; run the container with "
                "--cap-add PERFMON or a profile that allows it"
            )
        return (
            f"not permitted: kernel.perf_event_paranoid is {machine.paranoid}; "
            "run: sudo sysctl kernel.perf_event_paranoid=1"
        )
    if code in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV, errno.ENXIO) and event.is_hardware:
        if not machine.has_pmu and machine.is_virtual:
            return (
                "this virtual machine has no PMU; run on bare metal, or give the guest one "
                "(QEMU: -cpu host,pmu=on)"
            )
        if not machine.has_pmu:
            return "the kernel has found no PMU in this processor; check its boot log for 'PMU'"
        return "this processor's PMU does not have the event"
    if code == errno.ENOSYS:
        return "this kernel was built without perf events (CONFIG_PERF_EVENTS)"
    if code in (errno.EMFILE, errno.ENFILE):
        return "too many open files; run: ulimit -n 4096"
    if code == errno.EINVAL:
        return "the kernel does not take it together with the other events; ask for fewer"
    return f"perf_event_open failed: {os.strerror(code)} (errno {code})"


def kernel_needed(machine: Machine) -> str:
    """Why an event that happens in the kernel is refused to a user-only counter."""
    return (
        "it happens inside the kernel, which kernel.perf_event_paranoid "
        f"{machine.paranoid} hides; run: sudo sysctl kernel.perf_event_paranoid=1"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None
