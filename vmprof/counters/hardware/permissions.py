"""Why an event could not be opened on this machine, and what to do about it."""

from __future__ import annotations

import errno
import os

from vmprof.counters.encoding import Event
from vmprof.counters.hardware.machine import Machine

# Docker's asks for CAP_PERFMON since 23.0, and asked for CAP_SYS_ADMIN before, as Podman's did
# until 2025, or for both.
_FILTERED = (
    "a seccomp filter (container?) forbids perf_event_open; start the container with --cap-add "
    "PERFMON (Podman, and Docker before 23.0: --cap-add SYS_ADMIN too), or with --security-opt "
    "seccomp=PROFILE that allows it"
)
_FILTERED_DESPITE_ONE = (
    "a seccomp filter (container?) forbids perf_event_open, for which CAP_PERFMON is not enough; "
    "start the container with --cap-add SYS_ADMIN too, or with --security-opt seccomp=PROFILE that "
    "allows it"
)
_FILTERED_DESPITE_BOTH = (
    "a seccomp filter (container?) forbids perf_event_open, whatever the capabilities; start the "
    "container with --security-opt seccomp=PROFILE that allows it"
)


def explain(code: int, event: Event, machine: Machine, *, beside: int = 0) -> str:
    """Reason and remedy for ``errno`` ``code`` from perf_event_open for ``event``.

    ``beside`` is how many other events it was asked for together with. What is known of
    the machine decides: the same number comes from the kernel and from those who stand
    before it.
    """
    if code in (errno.EACCES, errno.EPERM):
        return _forbidden(event, machine)
    if code == errno.ENOSYS:
        return _no_system_call(machine)
    if code in (errno.EMFILE, errno.ENFILE):
        return "too many open files; run: ulimit -n 4096"
    if code == errno.EINVAL and beside:
        return "the kernel does not take it together with the other events; ask for fewer"
    if event.is_breakpoint:
        return _no_breakpoint(code)
    if code in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV, errno.ENXIO) and event.is_hardware:
        return _no_hardware(machine)
    if code == errno.EINVAL:
        return (
            f"the kernel refuses it on {', '.join(e.pmu for e in event.encodings)}, though it was "
            "asked for it alone: check its numbers and terms against the processor's manual"
        )
    return f"perf_event_open failed: {os.strerror(code)} (errno {code})"


def filtered(machine: Machine) -> str:
    """What a container's filter does not let through, and how to start one with which it does."""
    if "CAP_PERFMON" not in machine.capabilities:
        return _FILTERED
    return _FILTERED_DESPITE_BOTH if len(machine.capabilities) > 1 else _FILTERED_DESPITE_ONE


def kernel_needed(machine: Machine) -> str:
    """Why an event that happens in the kernel is refused to a user-only counter."""
    return (
        "it happens inside the kernel, which kernel.perf_event_paranoid "
        f"{machine.paranoid} hides; run: sudo sysctl kernel.perf_event_paranoid=1"
    )


def _forbidden(event: Event, machine: Machine) -> str:
    # perf_allow_cpu of linux/perf_event.h: whole processors are for those above 0. Debian's and
    # Ubuntu's kernels alone know levels that forbid everything.
    highest = 0 if event.cpu_wide else 2
    by_setting = (
        machine.paranoid is not None and not machine.capabilities and machine.paranoid > highest
    )
    if by_setting:
        return (
            f"not permitted: kernel.perf_event_paranoid is {machine.paranoid}; "
            f"run: sudo sysctl kernel.perf_event_paranoid={min(highest, 1)}"
        )
    if machine.has_seccomp:
        return filtered(machine)
    held = ", ".join(sorted(machine.capabilities))
    return (
        f"not permitted, though {held or 'kernel.perf_event_paranoid'} would allow it: a security "
        "module (SELinux, AppArmor, lockdown) or a sandbox forbids it; ask who runs this machine"
    )


def _no_system_call(machine: Machine) -> str:
    if machine.has_seccomp:
        return filtered(machine)
    if machine.paranoid is not None:
        return (
            "perf_event_open answers that it does not exist, though this kernel has perf events "
            "(there is kernel.perf_event_paranoid): a sandbox hides it; run outside of that"
        )
    return (
        "this kernel was built without perf events (CONFIG_PERF_EVENTS), or is a sandbox's own "
        "(gVisor)"
    )


def _no_hardware(machine: Machine) -> str:
    if machine.has_pmu:
        return "this processor's PMU does not have the event"
    if machine.is_virtual:
        return (
            "this virtual machine has no PMU; run on bare metal, or give the guest one "
            "(QEMU: -cpu host,pmu=on)"
        )
    return "the kernel has found no PMU in this processor; check its boot log for 'PMU'"


def _no_breakpoint(code: int) -> str:
    if code == errno.ENOSPC:
        return (
            "the processor's breakpoints (four on x86) are taken: by the other events that are "
            "counted at the same time, or by a debugger; ask for fewer"
        )
    if code == errno.EINVAL:
        return (
            "the processor has no such breakpoint: an address is a multiple of the length, and "
            "x86 does not tell reads from writes (:rw)"
        )
    return f"this machine has no breakpoints to count with: {os.strerror(code)} (errno {code})"
