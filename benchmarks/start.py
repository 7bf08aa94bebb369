"""What it takes vmprof to start, in commands that neither run nor compile anything.

    python benchmarks/start.py [--quick] [--json FILE]

Processor time of a process of its own, the system's included, from its start to its end.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, alone

REPORT = str(Path(__file__).parents[1] / "docs/data/reports/mlp.json")
COMMANDS = (
    ("--help",),
    ("--version",),
    ("completion", "bash"),
    ("show", REPORT),
    ("diff", REPORT, REPORT),
    ("audit", REPORT),
)
ROUNDS, FEW_ROUNDS = 15, 3
GOAL_S = 0.3
_UNCOMPILED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


def took(command: tuple[str, ...]) -> float:
    """Seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # As after an installation, which compiles Python's modules.
    environment = {name: text for name, text in os.environ.items() if name not in _UNCOMPILED}
    words = [sys.executable, "-m", "vmprof", *command]
    subprocess.run(words, check=False, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(*, quick: bool = False) -> Iterator[Figure]:
    found: dict[tuple[str, ...], list[float]] = {command: [] for command in COMMANDS}
    for _ in range(FEW_ROUNDS if quick else ROUNDS):
        for command, seconds in found.items():
            seconds.append(took(command))
    for command, seconds in found.items():
        name = f"vmprof {' '.join(Path(word).name for word in command)}"
        of = "a process, from its start to its end"
        yield Figure.of_samples(name, "processor time", seconds, unit="s", of=of, goal=GOAL_S)


if __name__ == "__main__":
    alone(figures, __doc__)
