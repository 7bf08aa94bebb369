"""libpfm4: a processor's own event names, as its manual has them.

The library is optional, loaded when a name is not known otherwise. It knows
the processor that it runs on; LIBPFM_FORCE_PMU in the environment makes it
believe another one.
"""

from __future__ import annotations

import functools
from typing import Any

import cffi

from vmprof.counters.encoding import RAW, Encoding, Event
from vmprof.counters.machine import Machine
from vmprof.errors import VmprofError

_LIBRARY = "libpfm.so.4"
MISSING = (
    "names of a processor's own events need libpfm4, which is not installed; "
    "on Debian or Ubuntu run: sudo apt install libpfm4"
)

# perfmon/pfmlib.h, perfmon/pfmlib_perf_event.h and linux/perf_event.h, as far as needed.
_DECLARATIONS = """
int pfm_initialize(void);
int pfm_get_os_event_encoding(const char *str, int dfl_plm, int os, void *args);

struct attr {
    uint32_t type, size;
    uint64_t config, sample_period, sample_type, read_format, flags;
    uint32_t wakeup_events, bp_type;
    uint64_t config1, config2;
    char later_fields[256];
};
struct perf_encode_arg {
    struct attr *attr;
    char **fstr;
    size_t size;
    int idx, cpu, flags, pad0;
};
"""
_PFM_OS_PERF_EVENT = 1
_USER_AND_KERNEL = 0x8 | 0x1  # PFM_PLM3 | PFM_PLM0
_PRECISE = 3 << 15  # precise_ip
_EXCLUDE_USER, _EXCLUDE_KERNEL = 1 << 4, 1 << 5


def is_installed() -> bool:
    return _library() is not None


def find(name: str, machine: Machine) -> Event | None:
    """The event that libpfm4 knows by ``name``, or None; also where the library is absent."""
    loaded = _library()
    if loaded is None or "\0" in name:
        return None
    ffi, lib = loaded
    attr: Any = ffi.new("struct attr *", {"size": 64})
    argument: Any = ffi.new("struct perf_encode_arg *", {"attr": attr})
    argument.size = ffi.sizeof("struct perf_encode_arg")
    code = lib.pfm_get_os_event_encoding(
        name.encode(), _USER_AND_KERNEL, _PFM_OS_PERF_EVENT, argument
    )
    if code != 0:
        return None
    if attr.flags & _PRECISE:
        raise VmprofError(f"event {name!r} asks for precise samples; vmprof counts, not samples")
    return Event(name, (_encoding(name, attr, machine),))


def why_not() -> str:
    """Why `find` gave None."""
    return MISSING if _library() is None else "libpfm4 does not know it either"


def _encoding(name: str, attr: Any, machine: Machine) -> Encoding:
    pmus = {pmu.type: pmu.name for pmu in machine.core_pmus}
    if len(pmus) < 2:
        # A raw event is the only core PMU's; without one it is for the kernel to say so.
        pmus.setdefault(RAW, next(iter(pmus.values()), "cpu"))
    if attr.type not in pmus:
        raise VmprofError(
            f"event {name!r}: libpfm4 gives a PMU of type {attr.type}, which is none of this "
            "machine's core PMUs; write it in a PMU's own terms, such as power/energy-pkg/"
        )
    return Encoding(
        pmus[attr.type],
        attr.type,
        attr.config,
        attr.config1,
        attr.config2,
        # Of libpfm4's defaults for guests and hypervisors none is taken: other events have none.
        exclude_user=bool(attr.flags & _EXCLUDE_USER),
        exclude_kernel=bool(attr.flags & _EXCLUDE_KERNEL),
    )


@functools.cache
def _library() -> tuple[cffi.FFI, Any] | None:
    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    try:
        lib: Any = ffi.dlopen(_LIBRARY)
    except OSError:
        return None
    return (ffi, lib) if lib.pfm_initialize() == 0 else None
