"""What ``vmprof record`` and ``vmprof show`` show of a recording, and write of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from vmprof.cli import strict
from vmprof.cli.delivery import HELP, forms_of_several, json_of_several
from vmprof.cli.results import ABOUT_FILES, Content
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
# What becomes of a recording besides being saved, and what options say of it.
FORMS = {
    "json": "write a report for each function, as JSON",
    "html": "write a page of all functions",
    **{form: HELP[form] for form in ("trace", "kineto", "openmetrics", "parquet", "calls")},
}


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
    for form, text in FORMS.items():
        where.add_argument(f"--{form}", metavar="FILE", help=text)
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

    def forms(self, recording: Recording) -> Mapping[str, Content]:
        """The forms that hold all functions, by the option that asks for each."""

        @cache
        def built() -> Mapping[str, Report]:
            return self._reports(recording)

        def html() -> str:
            from vmprof.recording import page

            return page.render(recording, self.by, metrics=self.metrics)

        def openmetrics() -> str:
            from vmprof.recording import openmetrics

            return openmetrics.render(recording, self.by, built())

        return {
            **forms_of_several(built),
            **_of_calls(recording),
            "html": html,
            "openmetrics": openmetrics,
        }

    def json(self, recording: Recording) -> str:
        """The reports of all functions, one after the other."""
        return json_of_several(self._reports(recording))

    def _reports(self, recording: Recording) -> Mapping[str, Report]:
        from vmprof.recording.reports import reports

        return reports(recording, self.by, metrics=self.metrics)

    def measured(self, recording: Recording, title: str | None) -> dict[str, Report]:
        """The reports of all functions, or of the function ``title``, with metrics."""
        view = replace(self, metrics=True)
        if title is not None:
            return {title: view.report(recording, title)[0]}
        from vmprof.recording.reports import reports

        return reports(recording, self.by, metrics=True)

    def report(self, recording: Recording, title: str) -> tuple[Report, Mapping[str, Content]]:
        """The report of the function ``title``, and the forms that hold each of its calls.

        :class:`VmprofError` if there is no such function, or no report of it.
        """
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
        return report, _of_calls(recording, [group])


def _of_calls(recording: Recording, groups: list[Group] | None = None) -> Mapping[str, Content]:
    """The forms that hold each call of ``groups``, or of all, which no report does."""

    def trace() -> str:
        from vmprof.recording import trace

        return trace.render(recording, groups)

    def kineto() -> str:
        from vmprof.recording.trace import document
        from vmprof.report.render import kineto

        return kineto.of_trace(document(recording, groups))

    def calls() -> bytes:
        from vmprof.recording import parquet

        return parquet.render(recording, groups)

    return {"trace": trace, "kineto": kineto, "calls": calls}


def of_title(groups: list[Group], title: str) -> Group:
    """The one of ``groups`` that is called so; :class:`VmprofError` if none is."""
    for group in groups:
        if group.title == title:
            return group
    known = ", ".join(group.title for group in groups) or "none"
    raise VmprofError(f"there is no report of {title!r}; there are: {known}")
