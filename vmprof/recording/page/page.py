"""The page of a recording: a summary, and for each function what the page of a report has."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from vmprof import json_text
from vmprof.recording.groups import Group, groups_of
from vmprof.recording.growth import growths
from vmprof.recording.page.function import FunctionView
from vmprof.recording.reports import build
from vmprof.recording.summary import not_seen, summary
from vmprof.recording.tables import Recording
from vmprof.report.facts import Fact
from vmprof.report.model import Report
from vmprof.report.render.figures import short, short_time
from vmprof.report.render.html import frame
from vmprof.report.render.table import format_metric
from vmprof.values import Metric, Samples

# The limit for all functions together; the rest of the page is small.
_MOST_BYTES = 4_500_000
_TITLE = "A recording"


@dataclass(frozen=True)
class _Line:
    """A line of the summary; ``view`` is the number of the function's view, None without one."""

    title: str
    view: int | None
    share: float
    cells: list[tuple[str, str]]  # short, and with all digits


def render(recording: Recording, by: str = "operator", *, metrics: bool = False) -> str:
    """The whole page; rows are those of :func:`vmprof.recording.reports.reports`.

    The longest functions come first. To keep the page below 5 MB, functions for which there is no
    room appear in the summary only, which says so.
    """
    groups = groups_of(recording, by)
    grown = {group.title: growths(group) for group in groups}
    numbers: dict[str, int] = {}
    parts: list[tuple[str, Markup]] = []
    data: list[object] = []
    shown: list[tuple[str, Report]] = []
    left = _MOST_BYTES
    crowded = []
    for group in groups:
        report = build(group, by, metrics=metrics)
        if report is None:
            continue
        view = FunctionView.of(group, report, by, grown[group.title])
        html = frame.rendered("function.html", package=__package__, function=view)
        size = len(html.encode()) + len(json_text.dumps(view.data, compact=True).encode())
        if size > left:
            crowded.append(group.title)
            continue
        left -= size
        numbers[group.title] = len(parts)
        # The template has escaped foreign text.
        parts.append((group.title, Markup(html)))  # noqa: S704
        data.append(view.data)
        shown.append((group.title, report))
    lines = summary(groups)
    columns = list(dict.fromkeys(column for line in lines for column in line))[1:]
    return frame.page(
        "recording.html",
        data,
        shown,
        scripts=(*frame.SCRIPTS, "switch.js", "chart.js", "recording.js"),
        styles=(*frame.STYLES, "recording.css"),
        package=__package__,
        title=_TITLE,
        all="all functions",
        facts=_facts(recording, groups),
        columns=[column.removesuffix(" (us)") for column in columns],
        lines=[
            _Line(
                group.title,
                numbers.get(group.title),
                100 * group.total("sum_ns") / (groups[0].total("sum_ns") or 1),
                [_cell(line.get(column)) for column in columns],
            )
            for group, line in zip(groups, lines, strict=True)
        ],
        crowded=crowded,
        grown=[(group.title, list(map(str, grown[group.title]))) for group in groups],
        unseen=not_seen(recording),
        settings=_settings(recording),
        parts=parts,
    )


def _cell(metric: Metric | None) -> tuple[str, str]:
    return short(metric), format_metric(metric)


def _facts(recording: Recording, groups: list[Group]) -> list[Fact]:
    sum_us = sum(group.total("sum_ns") for group in groups) / 1e3
    invocations = sum(group.total("invocations") for group in groups)
    kept = len(recording.invocations)
    threads = len(set(recording.invocations["thread"].tolist()))
    return [
        Fact("In invocations", short_time(sum_us), "of all functions and threads together"),
        Fact("Invocations", f"{invocations:,}", f"{kept:,} of them kept"),
        Fact("Functions", f"{len(groups):,}", "told apart by label, if there are any"),
        Fact("VMs", f"{len(recording.vms):,}", "were attached"),
        Fact("Threads", f"{threads:,}", "called"),
    ]


def _settings(recording: Recording) -> list[tuple[str, str]]:
    facts = [
        (name, format_metric(metric))
        for name, metric in recording.facts.items()
        if not isinstance(metric, Samples)
    ]
    passes = [
        (f"Counters, pass {number}", f"{one.what}; {'' if one.samples else 'read '}{one.how}")
        for number, one in enumerate(recording.passes, start=1)
    ]
    missing = [(f"Not counted: {name}", reason) for name, reason in recording.missing.items()]
    return [*facts, *passes, *missing]
