"""Measuring in fresh processes, for commands: what was measured is kept if one of them dies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vmprof.cli.results import kept_if_lost
from vmprof.drivers import processes
from vmprof.progress import Progress
from vmprof.report import Report
from vmprof.report.starts import joined


def in_processes(
    makers: Sequence[processes.Maker], starts: int, *, progress: Progress
) -> list[list[Report]]:
    """As :func:`vmprof.drivers.processes.in_processes`."""
    try:
        return processes.in_processes(makers, starts, progress=progress)
    except processes.DiedError as died:
        with kept_if_lost([partial(_json, reports) for reports in died.found if reports]):
            raise


def _json(reports: Sequence[Report]) -> str:
    return joined(reports).json()
