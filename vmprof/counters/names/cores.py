"""Events inside the cores, on machines whose cores are of one kind or of several.

Where there are several kinds (Intel's cpu_core and cpu_atom, Arm's big.LITTLE)
a thread moves between PMUs: an event needs an encoding for each.
"""

from __future__ import annotations

import re

from vmprof.counters.encoding import HARDWARE, SOFTWARE, Encoding
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.pmu import Pmu
from vmprof.counters.names.generic import Generic

# PERF_PMU_TYPE_SHIFT of linux/perf_event.h: the PMU's type, above a generic event's config.
_TYPE_SHIFT = 32
# As the kernel writes the number of an event: "event=0x011".
_HEXADECIMAL = re.compile(r"event=0x([0-9a-f]{1,16})")

# From here on Arm's core PMUs take a generic event for one PMU (commit 5c816728651a, "arm_pmu: Add
# PERF_PMU_CAP_EXTENDED_HW_TYPE capability"); Intel's hybrids always did. See `needs_newer_kernel`.
ARM_EXTENDED = (6, 6)

# Before that, what the kernel itself takes for enum perf_hw_id, by the names of Arm's architecture
# that a PMU has in sysfs if it implements them: armv8_pmuv3_perf_map of
# arch/arm64/kernel/perf_event.c (since 6.4 drivers/perf/arm_pmuv3.c). Cache events have no such
# common table: a Cortex-A72 counts loads apart from stores, an A53 both as one.
_ARM_NAMES = {
    0: "cpu_cycles",
    1: "inst_retired",
    2: "l1d_cache",
    3: "l1d_cache_refill",
    4: "pc_write_retired",
    5: "br_mis_pred",
    6: "bus_cycles",
    7: "stall_frontend",
    8: "stall_backend",
}


def generic_encodings(event: Generic, machine: Machine) -> tuple[Encoding, ...]:
    """How ``machine`` is asked for ``event``; on hybrids, once for each core PMU."""
    if event.type == SOFTWARE:
        return (Encoding("software", SOFTWARE, event.config),)
    if machine.is_hybrid:
        return tuple(generic_on(event, pmu, machine) for pmu in machine.core_pmus)
    # Without a PMU too: that it is missing is for the kernel to say.
    return (Encoding(_core_name(machine), event.type, event.config),)


def generic_on(event: Generic, pmu: Pmu, machine: Machine) -> Encoding:
    """How ``event`` is asked for on the core PMU ``pmu`` alone."""
    if not machine.is_hybrid:
        return Encoding(pmu.name, event.type, event.config)
    if needs_newer_kernel(pmu, machine):
        named = pmu.events.get(_ARM_NAMES.get(event.config, ""))
        number = None if named is None else _HEXADECIMAL.fullmatch(named.terms)
        if number is not None and event.type == HARDWARE:
            return Encoding(pmu.name, pmu.type, int(number[1], 16))
    return Encoding(pmu.name, event.type, pmu.type << _TYPE_SHIFT | event.config)


def needs_newer_kernel(pmu: Pmu, machine: Machine) -> bool:
    """Whether the kernel takes no generic event for ``pmu`` alone."""
    return not pmu.name.startswith("cpu_") and machine.kernel < ARM_EXTENDED


def _core_name(machine: Machine) -> str:
    return machine.core_pmus[0].name if machine.has_pmu else "cpu"
