"""What the judgement rests on, gathered in one place."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.events import parse_events
from vmprof.counters.reading.probe import Probe

# What is tried out. If neither of the first two opens, there is no hardware counting.
HARDWARE_PROBES = ("cycles", "instructions")
PROBES = (*HARDWARE_PROBES, "task-clock", "context-switches")

_DISTRIBUTION = "tvm-vmprof"
_TVM = ("apache-tvm", "apache-tvm-ffi")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A machine, this process on it, and what the kernel answered.

    ``refused`` has, for each of ``PROBES``, None if it opens, else the reason
    and the remedy. ``threads`` is what TVM will use, ``cpus`` those that this
    process may run on. ``versions`` are those installed, ``tested`` those that
    vmprof was tested with.
    """

    machine: Machine
    refused: Mapping[str, str | None]
    threads: int
    cpus: frozenset[int]
    environment: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    tested: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def gather(cls, machine: Machine, probe: Probe) -> Facts:
        """The facts of this machine and process."""
        cpus = frozenset(os.sched_getaffinity(0))  # before TVM binds this thread to one
        import tvm

        return cls(
            machine=machine,
            refused={
                event.name.removeprefix("perf::").lower(): probe(event)
                for (event,) in parse_events(",".join(PROBES), machine)
            },
            threads=tvm.runtime.num_threads(),
            cpus=cpus,
            environment=dict(os.environ),
            versions={
                "Python": platform.python_version(),
                **{name: metadata.version(name) for name in _TVM},
            },
            tested=_tested(),
        )


def _tested() -> dict[str, str]:
    """The versions that the distribution pins: those that it was tested with."""
    pins = (
        re.match(r"([\w-]+)==([\w.]+)", text) for text in metadata.requires(_DISTRIBUTION) or ()
    )
    return {pin[1]: pin[2] for pin in pins if pin and pin[1] in _TVM}
