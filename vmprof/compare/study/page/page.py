"""From a study to its page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import expm1
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vmprof.compare.study.page.strip import HEIGHT, WIDTH, Scale, strip
from vmprof.compare.study.study import Study
from vmprof.compare.study.summary import Outlier, Summary
from vmprof.compare.study.text import away_of, legend
from vmprof.report.render.figures import short_count, short_time
from vmprof.report.render.html import frame
from vmprof.visible import visible

# Of each, what a page can show before it takes long to open; the JSON has all.
_MOST_NAMED, _MOST_HOSTS = 6, 300


def page(study: Study, place: Path | None = None) -> str:
    """By operator a strip of hosts; outliers are named, and linked to their reports.

    ``place`` is where the page will be, which links are relative to; without it they are whole.
    """
    summary = study.summary
    names = study.names()
    links = {point: _link(study.folder.file(point), place) for point in summary.facts}
    hosts = [
        {"name": visible(names.get(point, point)), "link": links[point], "point": visible(point)}
        for point in names
    ]
    by_point = dict(zip(names, hosts, strict=True))
    scale = Scale.of(summary.rows)
    missing = [*study.missing.items()]
    return frame.page(
        "study.html",
        None,
        scripts=(),
        styles=("style.css", "study.css"),
        package=__package__ or "",
        title=visible(study.title),
        about=f"{len(summary.facts):,} of {len(study.folder.points):,} servers gave a report",
        folder=visible(str(study.folder.path)),
        width=WIDTH,
        height=HEIGHT,
        ends=(_share(-scale.edge), _share(scale.edge)),
        rows=[
            {
                "is_whole": row.operator.is_whole,
                "name": visible(row.operator.name),
                "shapes": visible(row.operator.shapes),
                "hosts": f"{len(row.times):,}",
                "middle": short_time(row.middle),
                "spread": f"±{row.spread:.1f} %",
                "away": away_of(row, summary),
                "strip": strip(row, scale),
                "outliers": [_outlier(each, by_point) for each in row.outliers[:_MOST_NAMED]],
                "more": max(0, len(row.outliers) - _MOST_NAMED),
            }
            for row in (*summary.wholes, *summary.operators)
        ],
        hosts=_hosts(study, by_point)[:_MOST_HOSTS],
        more_hosts=max(0, len(summary.facts) - _MOST_HOSTS),
        by_point=by_point,
        missing=[(visible(point), visible(reason)) for point, reason in missing[:_MOST_HOSTS]],
        more_missing=max(0, len(missing) - _MOST_HOSTS),
        legend=legend(summary) if summary.rows else "",
    )


def _share(logarithm: float) -> str:
    return f"{100 * expm1(logarithm):+,.0f} %"


def _outlier(outlier: Outlier, by_point: Mapping[str, Any]) -> dict[str, Any]:
    beside = [
        f"{column}: {short_count(value)}, rest {short_count(rest)}"
        for column, (value, rest) in outlier.beside.items()
    ]
    times = f"{short_time(outlier.value)}, rest {short_time(outlier.rest)}"
    return {
        **by_point[outlier.point],
        "change": f"{outlier.percent:+,.1f} %",
        "mark": "worse" if outlier.percent > 0 else "better",
        "title": visible("; ".join([times, *beside])),
    }


def _hosts(study: Study, by_point: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those with outliers first, then by how far the whole run is from the median."""
    summary = study.summary
    whole: Sequence[Summary] = [row for row in summary.wholes if row.operator.name != "Sum"][:1]
    total = {point: time / row.middle for row in whole for point, time in row.times.items()}
    found = summary.outliers_of()
    first = sorted(
        summary.facts,
        key=lambda point: (-len(found.get(point, ())), -abs(total.get(point, 1.0) - 1)),
    )
    return [
        {
            **by_point[point],
            "processor": visible(summary.facts[point].processor),
            "kernel": visible(summary.facts[point].kernel),
            "noise": visible(summary.facts[point].noise),
            "total": f"{100 * (total[point] - 1):+,.1f} %" if point in total else "",
            "outliers": f"{len(found[point]):,}" if point in found else "",
        }
        for point in first
    ]


def _link(file: Path, place: Path | None) -> str:
    if place is None:
        return file.absolute().as_uri()
    return quote(os.path.relpath(file.absolute(), place.absolute().parent))
