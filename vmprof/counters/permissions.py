"""Why an event could not be opened on this machine, and what to do about it."""

from __future__ import annotations

import errno
import os

from vmprof.counters.encoding import Event
from vmprof.counters.machine import Machine


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
