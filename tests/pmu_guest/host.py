"""This machine, where it has a PMU, in place of the emulated one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pmu_guest.machine import Outcome

_DEVICES = Path("/sys/bus/event_source/devices")


class Host:
    """Runs programs as the tests' own user. Counts are true, not exact: interrupts are in them."""

    exact = False

    def __init__(self, payload: Path) -> None:
        self._payload = payload

    def run(self, *arguments: str, compiler: bool = False) -> Outcome:
        del compiler  # it is always there
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._payload,
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


def has_pmu() -> bool:
    """Whether the kernel has found one."""
    # "cpu" on x86, "cpu_core" and "cpu_atom" on hybrids, "armv8_..." on Arm.
    return bool([*_DEVICES.glob("cpu*"), *_DEVICES.glob("armv*")])
