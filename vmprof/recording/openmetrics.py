"""A recording as OpenMetrics text: how often each function was called, and the report of each."""

from __future__ import annotations

from collections.abc import Mapping

from vmprof.recording.groups import groups_of
from vmprof.recording.summary import summary
from vmprof.recording.tables import Recording
from vmprof.report.model import Report
from vmprof.report.render.openmetrics import Exposition, add_report


def render(recording: Recording, by: str, reports: Mapping[str, Report]) -> str:
    """``recording``, of which ``reports`` were made, by titles of its groups ``by``.

    The label ``report`` has the title: the function, and what else tells groups apart.
    """
    found = Exposition()
    for row in summary(groups_of(recording, by)):
        found.add_row("vmprof_function", "column", row, {"report": str(row["Function"])})
    for title, report in reports.items():
        add_report(found, report, title)
    return found.text()
