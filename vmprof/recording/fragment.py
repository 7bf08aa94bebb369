"""What a notebook shows of a recording: the summary, and a table for each function that matters."""

from __future__ import annotations

from markupsafe import Markup

from vmprof.recording.groups import groups_of
from vmprof.recording.growth import growths
from vmprof.recording.reports import build
from vmprof.recording.summary import not_seen, summary
from vmprof.recording.tables import Recording
from vmprof.recording.text import matter, nothing
from vmprof.report.render.figures import short
from vmprof.report.render.html import fragment, frame
from vmprof.report.render.table import format_metric


def render(recording: Recording, by: str = "operator", *, metrics: bool = False) -> str:
    """HTML for a notebook's cell; the page of all functions is another: :mod:`.page`."""
    groups = groups_of(recording, by)
    shown = matter(groups)
    built = [(group.title, build(group, by, metrics=metrics)) for group in shown]
    lines = summary(groups)
    columns = list(dict.fromkeys(column for line in lines for column in line))
    return frame.rendered(
        "fragment.html",
        package=f"{__package__}.page",
        nothing="" if groups else nothing(recording),
        columns=[column.removesuffix(" (us)") for column in columns],
        lines=[
            [(short(line.get(column)), format_metric(line.get(column))) for column in columns]
            for line in lines
        ],
        grown=[str(each) for group in groups for each in growths(group)],
        unseen=not_seen(recording),
        # Its template has escaped foreign text.
        reports=[
            (title, Markup(fragment(report)))  # noqa: S704
            for title, report in built
            if report is not None
        ],
        others=len(groups) - len(shown),
    )
