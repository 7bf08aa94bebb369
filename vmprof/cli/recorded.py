"""What ``vmprof record`` and ``vmprof show`` show of a recording, and write of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from vmprof.cli import strict
from vmprof.cli.results import ABOUT_FILES, Text
from vmprof.errors import VmprofError
from vmprof.record.sessions.options import SessionOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmprof.recording.groups import Group
    from vmprof.recording.tables import Recording
    from vmprof.report import Report

BY = ("operator", "shape", "thread")
ABOUT_BY = (
    "rows by operator, with ranges where its shapes differ, or by shape; by thread, functions for "
    "each thread that called (default: operator)"
)
ABOUT_METRICS = (
    "columns that say how well a kernel uses the machine, and what bounds it: GFLOP/s, GB/s, ..., "
    "Bound, of kernels whose operations and bytes are known"
)


def add_arguments(parser: argparse.ArgumentParser, where_text_goes: str) -> None:
    """How a session records, what becomes of it, and what of it is shown."""
    SessionOptions.add_arguments(parser)
    strict.add_argument(parser)
    where = parser.add_argument_group(
        f"what becomes of it, besides the text {where_text_goes}", ABOUT_FILES
    )
    where.add_argument(
        "--save", metavar="FILE", help="keep the recording, for vmprof show and diff"
    )
    where.add_argument("--json", metavar="FILE", help="write a report for each function, as JSON")
    where.add_argument("--html", metavar="FILE", help="write a page of all functions")
    where.add_argument(
        "--trace", metavar="FILE", help="write a trace for Perfetto or chrome://tracing"
    )
    where.add_argument("--force", action="store_true", help="overwrite files that exist")
    RecordingView.add_arguments(parser)
    parser.add_argument(
        "--no-peaks",
        dest="measure_peaks",
        action="store_false",
        help="with --metrics, do not measure what this machine attains if it is not known yet, "
        "before the program begins",
    )


@dataclass(frozen=True)
class RecordingView:
    """Which rows and columns reports of a recording have."""

    by: str = BY[0]
    metrics: bool = False

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        what = parser.add_argument_group("what is shown")
        what.add_argument("--by", choices=BY, default=BY[0], help=ABOUT_BY)
        what.add_argument("--metrics", action="store_true", help=ABOUT_METRICS)

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> RecordingView:
        if options.by not in BY:
            raise VmprofError(f"a recording has no rows by {options.by}; take {', '.join(BY)}")
        return cls(options.by, options.metrics)

    def text(
        self,
        recording: Recording,
        table: Callable[[Report], str] | None = None,
        width: int | None = None,
    ) -> str:
        """As :func:`vmprof.recording.text.render` has it."""
        from vmprof.recording import text

        return text.render(recording, by=self.by, metrics=self.metrics, table=table, width=width)

    def forms(self, recording: Recording) -> Mapping[str, Text]:
        """The forms that hold all functions, by the option that asks for each."""

        def json() -> str:
            """One report after the other: every command that reads reports takes that."""
            from vmprof.recording.reports import reports

            built = reports(recording, self.by, metrics=self.metrics)
            return "".join(f"{report.json()}\n" for report in built.values())

        def html() -> str:
            from vmprof.recording import page

            return page.render(recording, self.by, metrics=self.metrics)

        def trace() -> str:
            from vmprof.recording import trace

            return trace.render(recording)

        return {"json": json, "html": html, "trace": trace}

    def measured(self, recording: Recording, title: str | None) -> dict[str, Report]:
        """The reports of all functions, or of the function ``title``, with metrics."""
        view = replace(self, metrics=True)
        if title is not None:
            return {title: view.report(recording, title)[0]}
        from vmprof.recording.reports import reports

        return reports(recording, self.by, metrics=True)

    def report(self, recording: Recording, title: str) -> tuple[Report, Text]:
        """The report of the function ``title``, and what makes its trace.

        :class:`VmprofError` if there is no such function, or no report of it.
        """
        from vmprof.recording import trace
        from vmprof.recording.groups import groups_of
        from vmprof.recording.reports import build

        groups = groups_of(recording, self.by)
        group = of_title(groups, title)
        report = build(group, self.by, metrics=self.metrics)
        if report is None:
            raise VmprofError(
                f"there is no report of {title!r}: none of its {group.total('invocations'):,} "
                "invocations was timed and returned"
            )
        return report, partial(trace.render, recording, [group])


def of_title(groups: list[Group], title: str) -> Group:
    """The one of ``groups`` that is called so; :class:`VmprofError` if none is."""
    for group in groups:
        if group.title == title:
            return group
    known = ", ".join(group.title for group in groups) or "none"
    raise VmprofError(f"there is no report of {title!r}; there are: {known}")
