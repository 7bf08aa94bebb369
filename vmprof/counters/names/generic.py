"""Names that mean the same on every processor: the kernel's own list of events.

perf's spellings are known with their aliases, in any case, and PAPI's
(``perf::CYCLES``), which TVM's profiler printed and which name the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from vmprof.counters.encoding import HARDWARE, HW_CACHE, SOFTWARE

PREFIX = "perf::"


@dataclass(frozen=True, slots=True)
class Generic:
    """A name with a ``type`` and ``config`` of linux/perf_event.h.

    ``in_kernel`` is as in Event; ``has_levels`` is false for what is counted
    whole, whatever the privilege level that was asked for.
    """

    name: str
    type: int
    config: int
    description: str
    aliases: tuple[str, ...] = ()
    in_kernel: bool = False
    has_levels: bool = True

    @property
    def is_hardware(self) -> bool:
        return self.type != SOFTWARE

    @property
    def column(self) -> str:
        return PREFIX + self.name.upper()


# enum perf_hw_id
_HARDWARE = (
    Generic("cycles", HARDWARE, 0, "cycles of the core at its own speed", ("cpu-cycles",)),
    Generic("instructions", HARDWARE, 1, "instructions that completed"),
    Generic("cache-references", HARDWARE, 2, "accesses of the last cache level (most processors)"),
    Generic("cache-misses", HARDWARE, 3, "misses of the last cache level (most processors)"),
    Generic("branches", HARDWARE, 4, "branches that completed", ("branch-instructions",)),
    Generic("branch-misses", HARDWARE, 5, "branches that were predicted wrongly"),
    Generic("bus-cycles", HARDWARE, 6, "cycles of the bus"),
    Generic(
        "stalled-cycles-frontend",
        HARDWARE,
        7,
        "cycles in which no instruction came in",
        ("idle-cycles-frontend",),
    ),
    Generic(
        "stalled-cycles-backend",
        HARDWARE,
        8,
        "cycles in which the execution units held instructions up",
        ("idle-cycles-backend",),
    ),
    Generic("ref-cycles", HARDWARE, 9, "cycles of a clock of constant speed"),
)

# enum perf_sw_ids; without "dummy" and "bpf-output", which count nothing. The clocks run while the
# thread does, in the kernel too (task_clock_event_update, kernel/events/core.c).
_SOFTWARE = (
    Generic("cpu-clock", SOFTWARE, 0, "nanoseconds on a processor", has_levels=False),
    Generic("task-clock", SOFTWARE, 1, "nanoseconds on a processor", has_levels=False),
    Generic("page-faults", SOFTWARE, 2, "page faults", ("faults",)),
    Generic("context-switches", SOFTWARE, 3, "switches to another thread", ("cs",), in_kernel=True),
    Generic(
        "cpu-migrations",
        SOFTWARE,
        4,
        "moves to another processor",
        ("migrations",),
        in_kernel=True,
    ),
    Generic("minor-faults", SOFTWARE, 5, "page faults without input or output"),
    Generic("major-faults", SOFTWARE, 6, "page faults that waited for input or output"),
    Generic("alignment-faults", SOFTWARE, 7, "unaligned accesses that the kernel mended"),
    Generic("emulation-faults", SOFTWARE, 8, "instructions that the kernel emulated"),
    Generic(
        "cgroup-switches",
        SOFTWARE,
        11,
        "switches to a thread of another cgroup",
        in_kernel=True,
    ),
)

# enum perf_hw_cache_id, with what perf accepts for each and the operations that exist
# (tools/perf/util/evsel.c: evsel__hw_cache and evsel__hw_cache_stat).
_CACHES = (
    (("L1-dcache", "l1-d", "l1d", "L1-data"), "level 1 data cache", (0, 1, 2)),
    (("L1-icache", "l1-i", "l1i", "L1-instruction"), "level 1 instruction cache", (0, 2)),
    (("LLC", "L2"), "last cache level", (0, 1, 2)),
    (("dTLB", "d-tlb", "Data-TLB"), "data TLB", (0, 1, 2)),
    (("iTLB", "i-tlb", "Instruction-TLB"), "instruction TLB", (0,)),
    (("branch", "branches", "bpu", "btb", "bpc"), "branch predictor", (0,)),
    (("node",), "memory of this node", (0, 1, 2)),
)
_OPERATIONS = (
    ("load", "loads", "read"),
    ("store", "stores", "write"),
    ("prefetch", "prefetches", "speculative-read", "speculative-load"),
)
_RESULTS = (("refs", "reference", "ops", "access"), ("misses", "miss"))


def _cache_events() -> list[Generic]:
    events = []
    for cache, (caches, description, operations) in enumerate(_CACHES):
        for operation, result in product(operations, range(2)):
            spelled, results = _OPERATIONS[operation], _RESULTS[result]
            endings = [f"{op}-{res}" for op, res in product(spelled, results)]
            if result == 0:
                endings += spelled
            if operation == 0:  # a load, where no operation is named
                endings += results
            names = [f"{name}-{ending}" for name, ending in product(caches, endings)]
            canonical = f"{caches[0]}-" + (f"{spelled[0]}-misses" if result else spelled[1])
            names.remove(canonical)
            config = cache | operation << 8 | result << 16
            what = f"{spelled[0]} {'misses' if result else 'accesses'} of the {description}"
            events.append(Generic(canonical, HW_CACHE, config, what, tuple(names)))
    return events


GENERIC = (*_HARDWARE, *_SOFTWARE, *_cache_events())

_BY_NAME = {
    spelling.lower(): event
    # "branch-misses" is a hardware event before it is a cache's: hardware wins, as in perf.
    for event in reversed(GENERIC)
    for spelling in (*event.aliases, event.name)
}


def find(name: str) -> Generic | None:
    """The event of that name, in perf's or PAPI's spelling."""
    return _BY_NAME.get(name.lower().removeprefix(PREFIX))


def spellings() -> list[str]:
    """The names that one would type, canonical ones first."""
    common = [e.name for e in GENERIC]
    return common + [alias for e in (*_HARDWARE, *_SOFTWARE) for alias in e.aliases]
