"""What the judgement rests on, gathered in one place."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.events import parse_events
from vmprof.counters.reading.probe import Probe

# What is tried out. If neither of the first two opens, there is no hardware counting.
HARDWARE_PROBES = ("cycles", "instructions")
PROBES = (*HARDWARE_PROBES, "task-clock", "context-switches")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A machine, this process on it, and what the kernel answered.

    ``refused`` has, for each of ``PROBES``, None if it opens, else the reason
    and the remedy. ``threads`` is what TVM will use, ``cpus`` those that this
    process may run on. ``versions`` are those in this process; ``failed``
    says what was found of TVM in place of what vmprof assumes.
    """

    machine: Machine
    refused: Mapping[str, str | None]
    threads: int
    cpus: frozenset[int]
    environment: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def gather(cls, machine: Machine, probe: Probe, failed: Mapping[str, str]) -> Facts:
        """The facts of this machine and process; ``failed`` are those of TVM."""
        cpus = frozenset(os.sched_getaffinity(0))  # before TVM binds this thread to one
        import tvm
        import tvm_ffi

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
                "apache-tvm": tvm.__version__,
                "apache-tvm-ffi": tvm_ffi.__version__,
            },
            failed=failed,
        )
