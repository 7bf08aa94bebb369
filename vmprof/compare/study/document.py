"""A study's summary as JSON."""

from __future__ import annotations

from typing import Any

from vmprof import json_text
from vmprof.compare.study.study import Study
from vmprof.compare.study.summary import Outlier, Summary


def render(study: Study) -> str:
    """Times are microseconds, shares percent; hosts are named as the folder names them.

    Without the times of each host: they are in its report.
    """
    summary = study.summary
    document = {
        "title": study.title,
        "model": summary.model,
        "about": dict(study.folder.asked.about),
        "alpha": summary.alpha,
        "enough hosts": summary.enough,
        "hosts": [
            {
                "server": point,
                "host": facts.name,
                "processor": facts.processor,
                "kernel": facts.kernel,
                "noise": facts.noise,
                "report": str(study.folder.file(point).relative_to(study.folder.path)),
            }
            for point, facts in sorted(summary.facts.items())
        ],
        "missing": dict(study.missing),
        "operators": [_operator(row) for row in summary.operators],
        "wholes": [_operator(row) for row in summary.wholes],
    }
    return f"{json_text.dumps(document, indent=1)}\n"


def _operator(row: Summary) -> dict[str, Any]:
    return {
        "name": row.operator.name,
        "shapes": row.operator.shapes,
        "device": row.operator.device,
        "hosts": len(row.times),
        "median (us)": row.middle,
        "quartiles (us)": [row.low, row.high],
        "spread (%)": row.spread,
        "least (us)": min(row.times.values()),
        "most (us)": max(row.times.values()),
        "farthest": row.furthest,
        "farthest (%)": 100 * row.away,
        "outliers": [_outlier(outlier) for outlier in row.outliers],
    }


def _outlier(outlier: Outlier) -> dict[str, Any]:
    return {
        "server": outlier.point,
        "time (us)": outlier.value,
        "rest (us)": outlier.rest,
        "change (%)": outlier.percent,
        "chance": outlier.chance,
        "beside": {
            column: {"there": value, "rest": rest}
            for column, (value, rest) in outlier.beside.items()
        },
    }
