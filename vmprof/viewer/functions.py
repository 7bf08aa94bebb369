"""The functions of a recording, as a table that leads to the operators of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.errors import VmprofError
from vmprof.recording.groups import groups_of
from vmprof.recording.growth import growths
from vmprof.recording.reports import reports
from vmprof.recording.summary import not_seen, summary
from vmprof.recording.tables import Recording
from vmprof.recording.text import nothing
from vmprof.report.render.shown import Column
from vmprof.report.render.view import View
from vmprof.viewer.sheet import ReportSheet, Sheet

_FUNCTION, _SUM = "Function", "Sum (us)"
_TOLD = {
    _FUNCTION: "of a VM, called from outside; told apart by label, if there are any",
    "Invocations": "how often it was called",
    _SUM: "what all invocations took together",
    "Median (us)": "of the invocations that were timed and kept",
    "p10 (us)": "a tenth of the timed invocations took less",
    "p90 (us)": "a tenth of the timed invocations took more",
    "First (us)": "the first invocation",
    "Rest (us)": "the median of all but the first",
    "Unrecorded (us)": "the median of those that were not recorded",
    "Timed": "invocations in which the clock was read around each call",
    "Threads": "threads that called it",
}


@dataclass(frozen=True)
class FunctionsSheet(Sheet):
    """The functions of a recording: what ``grows`` in them, and what was ``unseen``."""

    grows: Sequence[str]
    unseen: Sequence[str]


def sheets_of(
    recording: Recording, view: View, by: str = "operator", *, metrics: bool = False
) -> Sequence[Sheet]:
    """The functions, if there are several, and the operators of each that was timed."""
    groups = groups_of(recording, by)
    if not groups:
        raise VmprofError(nothing(recording))
    found = [
        ReportSheet.of(title, report, view)
        for title, report in reports(recording, by, metrics=metrics).items()
    ]
    if len(groups) == 1 and found:
        return found
    rows = summary(groups)
    titles = dict.fromkeys(title for row in rows for title in row)
    columns = [Column.of(title, rows) for title in titles]
    functions = FunctionsSheet(
        "all functions",
        rows,
        columns,
        _SUM,
        0.0,
        {**_TOLD},
        tuple(str(each) for group in groups for each in growths(group)),
        tuple(not_seen(recording)),
    )
    return [functions, *found]
