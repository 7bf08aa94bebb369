"""Whatever was asked for is in a report: as values, or as a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vmprof.report.columnwise import column_names
from vmprof.report.model import Report

LOST = (
    "it was asked for, and vmprof has lost it: a fault of vmprof's own; please report it, with "
    "the command and this line"
)


def accounted(report: Report, asked: Mapping[str, str]) -> Report:
    """``report``, in which each event of ``asked`` is a column, or among ``missing``.

    ``asked`` has the column of each name; reasons stand under either. What is neither
    here nor there was lost on the way, which is never passed over in silence.
    """
    # Total alone may lack a column: of a short run CPU time is told of the longer calls.
    present = set(column_names([*report.calls, *report.device_metrics.values()]))
    lost = [
        column
        for name, column in asked.items()
        if not {name, column} & (present | report.missing.keys())
    ]
    return replace(report, missing={**report.missing, **dict.fromkeys(lost, LOST)})
