"""The machines of tests/data/machines."""

from __future__ import annotations

import functools
from pathlib import Path

from vmprof.counters import Machine

FOLDER = Path(__file__).parent.parent / "data/machines"
NAMES = tuple(sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))


@functools.cache
def machine(name: str) -> Machine:
    assert name in NAMES
    return Machine.read(FOLDER / name / "proc", FOLDER / name / "sys")
