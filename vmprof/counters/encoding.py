"""Events, and how the kernel is asked for them."""

from __future__ import annotations

from dataclasses import dataclass

# enum perf_type_id of linux/perf_event.h
HARDWARE, SOFTWARE, TRACEPOINT, HW_CACHE, RAW, BREAKPOINT = 0, 1, 2, 3, 4, 5

# cpu-clock and task-clock, enum perf_sw_ids
_CLOCKS = (0, 1)
# Of events that the kernel counts by itself: software events but the clocks, and tracepoints.
SOFTWARE_KIND = "software"


@dataclass(frozen=True, slots=True)
class Encoding:
    """One event on one PMU: the fields of those names of perf_event_attr.

    ``pmu`` is the PMU's name in sysfs. Of a breakpoint, config1 is the address and config2
    the length; while its address is not known yet, ``symbol`` names what lies there.
    ``cpus`` is empty for an event that the
    calling thread counts; an event of a CPU-wide PMU (energy, memory
    controllers) is opened on each of ``cpus`` with pid -1 instead.
    """

    pmu: str
    type: int
    config: int
    config1: int = 0
    config2: int = 0
    config3: int = 0
    bp_type: int = 0
    symbol: str = ""
    exclude_user: bool = False
    exclude_kernel: bool = False
    exclude_hv: bool = False
    exclude_guest: bool = False
    exclude_host: bool = False
    cpus: tuple[int, ...] = ()

    @property
    def is_clock(self) -> bool:
        """Whether it counts the time that its thread runs."""
        return self.type == SOFTWARE and self.config in _CLOCKS

    @property
    def kind(self) -> str:
        """Events of one kind can be counted as one group of the kernel's.

        It takes software events into groups of any PMU, and clocks into any group. But
        Linux 6.18 reads a clock that does not lead its group as 0, or too short, from the
        second enabling on, and 6.1 does not.
        """
        if self.is_clock:
            return f"clock {self.config}"
        return SOFTWARE_KIND if self.type in (SOFTWARE, TRACEPOINT) else self.pmu


@dataclass(frozen=True, slots=True)
class Event:
    """Something to count, and its column in the report.

    There is one encoding, except where a processor has several kinds of core:
    there it is one per core PMU, and the event's count is their sum. A count
    times ``scale`` is in ``unit``. ``in_kernel``: the event happens inside the
    kernel, so that a counter which leaves the kernel out would read 0 for ever.
    """

    name: str
    encodings: tuple[Encoding, ...]
    in_kernel: bool = False
    scale: float = 1.0
    unit: str = ""

    @property
    def is_hardware(self) -> bool:
        """Whether a PMU counts it, which a machine may lack."""
        return any(e.type not in (SOFTWARE, TRACEPOINT, BREAKPOINT) for e in self.encodings)

    @property
    def is_breakpoint(self) -> bool:
        return any(e.type == BREAKPOINT for e in self.encodings)

    @property
    def cpu_wide(self) -> bool:
        """Whether it counts whole processors or packages, whatever runs there."""
        return any(e.cpus for e in self.encodings)


# Events that are counted together, or not at all.
Group = tuple[Event, ...]
