"""Where a report comes from: gathered while it is made, since nobody can tell later."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import tvm
import tvm_ffi

from vmprof.counters.hardware.activity import Activity
from vmprof.counters.hardware.host import describe_host
from vmprof.counters.hardware.machine import Machine
from vmprof.program.build_id import build_id
from vmprof.report import provenance as names
from vmprof.values import UNKNOWN, Count, Duration, Metric, Ratio
from vmprof.version import __version__

NOT_LOADED = "the model was not loaded from a file"
_NO_STAT = f"{UNKNOWN}/proc/stat does not tell"
_TOO_SHORT = f"{UNKNOWN}it was measured for a shorter time than /proc/stat can tell of"
_NO_SCHEDSTAT = f"{UNKNOWN}the kernel does not tell (CONFIG_SCHED_INFO)"
_NO_QUOTA = f"{UNKNOWN}there are no files of the CPU's cgroup"
_NO_HEAT = f"{UNKNOWN}the processor does not count it for the kernel"
_NO_CLOCK = f"{UNKNOWN}the kernel has no cpufreq here"


def provenance_of(
    machine: Machine, activity: Activity, libraries: Sequence[Path], without: str = NOT_LOADED
) -> dict[str, Metric]:
    """All that :mod:`vmprof.report.provenance` names; ``libraries`` were run during ``activity``.

    Called when the measuring has just ended. ``without`` says why there are no libraries.
    """
    no_library = f"{UNKNOWN}{without}"
    date = datetime.now().astimezone()
    return {
        **describe_host(machine),
        **_happened(activity),
        names.DATE: date.isoformat(sep=" ", timespec="seconds"),
        "Command": command_line(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "vmprof": __version__,
        "TVM": tvm.__version__,
        "TVM's FFI": tvm_ffi.__version__,
        names.LIBRARY: ", ".join(str(each.absolute()) for each in libraries) or no_library,
        names.LIBRARY_ID: ", ".join(map(_identity, libraries)) or no_library,
    }


def _happened(activity: Activity) -> dict[str, Metric]:
    begin, end = activity.begin, activity.end
    no_ticks = _NO_STAT if begin.used is None else _TOO_SHORT
    return {
        names.LOAD_BEFORE: begin.load or f"{UNKNOWN}there is no /proc/loadavg",
        names.LOAD_AFTER: end.load or f"{UNKNOWN}there is no /proc/loadavg",
        names.MEASURED: Duration(1e6 * activity.seconds),
        names.CPUS_ONLINE: Count(end.cpus),
        **({names.CPUS_MOVED: activity.moved} if activity.moved else {}),
        names.OWN_CPUS: Ratio(activity.own),
        names.OTHERS_CPUS: _ratio(activity.others, no_ticks),
        names.STOLEN_CPUS: _ratio(activity.stolen, no_ticks),
        names.WAITED: _ratio(activity.waited, _NO_SCHEDSTAT),
        names.STOPPED: _ratio(activity.stopped, _NO_QUOTA),
        names.OVERHEATED: (_NO_HEAT if activity.overheated is None else Count(activity.overheated)),
        names.CLOCK_BEFORE: _ratio(begin.clock, _NO_CLOCK),
        names.CLOCK_AFTER: _ratio(end.clock, _NO_CLOCK),
    }


def _ratio(value: float | None, reason: str) -> Metric:
    return reason if value is None else Ratio(value)


def command_line() -> str:
    """As it was typed, as far as the process knows; a program of one's own with its Python."""
    words = list(getattr(sys, "orig_argv", None) or sys.argv)
    # What pip installs is a script for Python.
    if len(words) > 1 and Path(words[1]).name == "vmprof":
        words = ["vmprof", *words[2:]]
    return shlex.join(words) or f"{UNKNOWN}Python was embedded, and has no command line"


def _identity(library: Path) -> str:
    """``build ID 1f2e..., 12345 bytes``, or a digest of a library whose linker gave it none."""
    try:
        identity = build_id(library)
        if identity is not None:
            return f"build ID {identity}"
        with library.open("rb") as file:
            return f"sha256 {_sha256(file.fileno())}"
    except OSError as error:
        return f"{UNKNOWN}{library} cannot be read any more: {error.strerror}"


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.read(descriptor, 1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
