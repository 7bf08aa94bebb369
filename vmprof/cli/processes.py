"""Measuring in fresh processes, for commands: what was measured is kept if they do not end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vmprof.cli.results import Text, kept_if_lost
from vmprof.drivers import processes
from vmprof.progress import Progress
from vmprof.report import Report
from vmprof.report.starts import joined


def in_processes(
    makers: Sequence[processes.Maker], starts: int, *, progress: Progress
) -> list[list[Report]]:
    """As :func:`vmprof.drivers.processes.in_processes`."""
    done: list[Text] = []

    def finished(found: Sequence[Sequence[Report]]) -> None:
        done[:] = [partial(_json, reports) for reports in found if reports]

    with kept_if_lost(done):
        return processes.in_processes(makers, starts, progress=progress, finished=finished)


def isolated(make: processes.IsolatedMaker, *, progress: Progress) -> Report:
    """As :func:`vmprof.drivers.processes.isolated`."""
    done: list[Text] = []

    def so_far(json: str) -> None:
        done[:] = [lambda: json]

    with kept_if_lost(done):
        return processes.isolated(make, progress=progress, so_far=so_far)


def _json(reports: Sequence[Report]) -> str:
    return joined(reports).json()
