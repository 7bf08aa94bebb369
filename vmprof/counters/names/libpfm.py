"""libpfm4: a processor's own event names, as its manual has them.

The library is optional, loaded when a name is not known otherwise. It knows
the processor that it runs on; LIBPFM_FORCE_PMU in the environment makes it
believe another one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import cffi

from vmprof.counters.encoding import RAW, Encoding, Event
from vmprof.counters.hardware.machine import Machine
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
int pfm_get_pmu_info(int pmu, void *output);
int pfm_get_event_info(int index, int os, void *output);
int pfm_get_event_next(int index);
int pfm_get_event_attr_info(int event, int attr, int os, void *output);

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
struct pmu_info {
    const char *name, *desc;
    size_t size;
    int pmu, type, nevents, first_event, max_encoding, num_cntrs, num_fixed_cntrs;
    unsigned flags;
};
struct event_info {
    const char *name, *desc, *equiv;
    size_t size;
    uint64_t code;
    int pmu, dtype, idx, nattrs, reserved;
    unsigned flags;
};
struct attr_info {
    const char *name, *desc, *equiv;
    size_t size;
    uint64_t code;
    int type, idx, ctrl;
    unsigned flags;
    uint64_t defaults;
};
"""
_PFM_ERR_INVAL = -2
_PFM_PMU_TYPE_CORE = 1
_PFM_ATTR_UMASK = 1
_IS_PRESENT = 1
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
    argument = _sized(ffi, "struct perf_encode_arg")
    argument.attr = attr
    code = lib.pfm_get_os_event_encoding(
        name.encode(errors="replace"), _USER_AND_KERNEL, _PFM_OS_PERF_EVENT, argument
    )
    if code != 0:
        return None
    if attr.flags & _PRECISE:
        raise VmprofError(f"event {name!r} asks for precise samples; vmprof counts, not samples")
    encoding = _encoding(name, attr, machine)
    if machine.is_hybrid and "::" not in name:
        raise VmprofError(
            f"event {name!r} is counted on {encoding.pmu} alone; say which kind of core you mean, "
            "by libpfm4's name for it, such as adl_glc::INST_RETIRED:ANY_P"
        )
    return Event(name, (encoding,))


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


def known(machine: Machine) -> Iterator[tuple[Event, str]]:
    """Every event that libpfm4 has for ``machine``, one for each unit mask, and its description.

    Names say which kind of core they are of where there are several.
    """
    for pmu, name, description in _names():
        try:
            event = find(f"{pmu}::{name}" if machine.is_hybrid else name, machine)
        except VmprofError:  # of another processor than the machine's, or not to be counted
            continue
        if event is not None:
            yield event, description


def _names() -> Iterator[tuple[str, str, str]]:
    """PMU, name and description of what the processor that this runs on can count."""
    loaded = _library()
    if loaded is None:
        return
    ffi, lib = loaded
    pmu: Any = _sized(ffi, "struct pmu_info")
    for number in itertools.count():
        code = lib.pfm_get_pmu_info(number, pmu)
        if code == _PFM_ERR_INVAL:  # past the last one
            return
        if code == 0 and pmu.flags & _IS_PRESENT and pmu.type == _PFM_PMU_TYPE_CORE:
            index = pmu.first_event
            while index >= 0:
                for name, description in _event_names(ffi, lib, index):
                    yield _text(ffi, pmu.name), name, description
                index = lib.pfm_get_event_next(index)


def _event_names(ffi: cffi.FFI, lib: Any, index: int) -> Iterator[tuple[str, str]]:
    event, attr = _sized(ffi, "struct event_info"), _sized(ffi, "struct attr_info")
    if lib.pfm_get_event_info(index, _PFM_OS_PERF_EVENT, event) != 0:
        return
    name, description = _text(ffi, event.name), _text(ffi, event.desc)
    masks = []
    for number in range(event.nattrs):
        if lib.pfm_get_event_attr_info(index, number, _PFM_OS_PERF_EVENT, attr) != 0:
            continue
        if attr.type == _PFM_ATTR_UMASK:
            masks.append((_text(ffi, attr.name), _text(ffi, attr.desc)))
    if not masks:
        yield name, description
    for mask, meaning in masks:
        yield f"{name}:{mask}", f"{description}: {meaning}"


def _sized(ffi: cffi.FFI, kind: str) -> Any:
    """A zeroed structure that says how large it is, which versions of libpfm4 look at."""
    return ffi.new(f"{kind} *", {"size": ffi.sizeof(kind)})


def _text(ffi: cffi.FFI, pointer: Any) -> str:
    return bytes(ffi.string(pointer)).decode(errors="replace") if pointer else ""  # type: ignore[arg-type]


@functools.cache
def _library() -> tuple[cffi.FFI, Any] | None:
    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    try:
        lib: Any = ffi.dlopen(_LIBRARY)
    except OSError:
        return None
    return (ffi, lib) if lib.pfm_initialize() == 0 else None
