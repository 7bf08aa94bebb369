"""The machine, as far as it decides what can be counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmprof.counters.hardware.cpuinfo import Processor, parse_cpuinfo
from vmprof.counters.hardware.files import cpu_list, number, text
from vmprof.counters.hardware.pmu import Pmu, read_pmus

# linux/capability.h
_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What /proc and /sys say; None, empty or false where they are silent.

    ``sys`` is the root that it was read from: the few files that are too many
    to read beforehand (tracepoints) are looked up there.
    """

    processors: Mapping[int, Processor] = field(default_factory=dict)  # by logical CPU
    flags: frozenset[str] = frozenset()
    kernel: tuple[int, ...] = ()  # (6, 12, 3)
    paranoid: int | None = None  # kernel.perf_event_paranoid
    perf_user_access: int | None = None  # kernel.perf_user_access, of Arm
    nmi_watchdog: bool = False
    smt_active: bool = False
    is_virtual: bool = False
    has_seccomp: bool = False
    capabilities: frozenset[str] = frozenset()  # effective: CAP_PERFMON, CAP_SYS_ADMIN
    governors: frozenset[str] = frozenset()
    online_cpus: tuple[int, ...] = ()
    isolated_cpus: tuple[int, ...] = ()
    pmus: Mapping[str, Pmu] = field(default_factory=dict)
    sys: Path = Path("/sys")

    @classmethod
    def read(cls, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Machine:
        """Read this machine, or a recorded one under other roots."""
        processors, flags = parse_cpuinfo(text(proc / "cpuinfo"))
        status = text(proc / "self/status")
        sysctl, cpu = proc / "sys/kernel", sys / "devices/system/cpu"
        return cls(
            processors=processors,
            flags=flags,
            kernel=_release(text(sysctl / "osrelease")),
            paranoid=number(sysctl / "perf_event_paranoid"),
            perf_user_access=number(sysctl / "perf_user_access"),
            nmi_watchdog=number(sysctl / "nmi_watchdog") == 1,
            smt_active=number(cpu / "smt/active") == 1,
            is_virtual="hypervisor" in flags or _is_arm_guest(sys),
            has_seccomp="\nSeccomp:\t2" in status,
            capabilities=_capabilities(status, text(proc / "self/uid_map")),
            governors=frozenset(
                text(file).strip() for file in cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")
            ),
            online_cpus=cpu_list(text(cpu / "online")),
            isolated_cpus=cpu_list(text(cpu / "isolated")),
            pmus=read_pmus(sys),
            sys=sys,
        )

    @property
    def processor(self) -> Processor:
        """The first one; on hybrids the others differ in more than their number."""
        return next(iter(self.processors.values()), Processor())

    @property
    def vendor(self) -> str:
        """``GenuineIntel``, ``AuthenticAMD``, ``ARM`` and so on, as lscpu prints it."""
        return self.processor.vendor

    @property
    def core_pmus(self) -> tuple[Pmu, ...]:
        """The PMUs inside the cores, by type: several where cores are of several kinds."""
        return tuple(sorted((p for p in self.pmus.values() if p.is_core), key=lambda pmu: pmu.type))

    @property
    def has_pmu(self) -> bool:
        return bool(self.core_pmus)

    @property
    def is_hybrid(self) -> bool:
        """Whether a thread can move to a core with another PMU."""
        return len(self.core_pmus) > 1


def _is_arm_guest(sys: Path) -> bool:
    """Arm has no flag that says so: the firmware's tables do."""
    maker = text(sys / "class/dmi/id/sys_vendor").strip()
    product = text(sys / "class/dmi/id/product_name").strip()
    # QEMU that starts a kernel directly has no such tables, but a device tree.
    board = text(sys / "firmware/devicetree/base/compatible")
    return (
        maker in ("QEMU", "Google")
        or (maker == "Amazon EC2" and ".metal" not in product)
        or (maker == "Microsoft Corporation" and product == "Virtual Machine")
        or "linux,dummy-virt" in board
    )


def _release(text: str) -> tuple[int, ...]:
    match = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9})*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _capabilities(status: str, uid_map: str) -> frozenset[str]:
    """Those that count; of a user namespace's (rootless containers) perf events take none."""
    if uid_map.split() not in ([], ["0", "0", "4294967295"]):
        return frozenset()
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(match[1], 16) if match else 0
    return frozenset(name for name, bit in _CAPABILITIES.items() if bits >> bit & 1)
