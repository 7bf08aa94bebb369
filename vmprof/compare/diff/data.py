"""A diff as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from vmprof import json_text
from vmprof.compare.diff.change import Change
from vmprof.compare.diff.diff import Diff
from vmprof.report.render.table import format_metric


def to_json(diff: Diff, before: str, after: str) -> str:
    """``diff`` between the reports called ``before`` and ``after``.

    A change has ``before``, ``after``, ``percent`` and ``p``, null where there
    is none; ``p`` is adjusted for the number of rows.
    """
    document = {
        "before": before,
        "after": after,
        "operators": [
            {
                "name": operator.name,
                "argument_shapes": operator.shapes,
                "count": {"before": operator.count_before, "after": operator.count_after},
                "matched_by": operator.matched_by and operator.matched_by.name.lower(),
                "changes": _changes(operator.changes),
            }
            for operator in diff.operators
        ],
        "whole": {name: _changes(changes) for name, changes in diff.whole.items()},
        "one_sided": list(diff.one_sided),
        "configuration": {
            name: {"before": format_metric(old), "after": format_metric(new)}
            for name, (old, new) in diff.settings.items()
        },
    }
    return f"{json_text.dumps(document, indent=1)}\n"


def to_csv(diff: Diff) -> str:
    """A line per operator, then a line per whole."""
    header = ["Name", "Argument Shapes", "Matched by", "Count before", "Count after"]
    for column in diff.columns:
        header += [f"{column} before", f"{column} after", f"{column} percent", f"{column} p"]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(header)
    for operator in diff.operators:
        matched_by = operator.matched_by.name.lower() if operator.matched_by else ""
        counts = operator.count_before, operator.count_after
        cells = _cells(diff, operator.changes)
        writer.writerow([operator.name, operator.shapes, matched_by, *counts, *cells])
    for name, changes in diff.whole.items():
        writer.writerow([name, "", "", "", "", *_cells(diff, changes)])
    return json_text.encodable(output.getvalue())


def _changes(changes: Mapping[str, Change]) -> dict[str, Any]:
    return {
        column: {
            "before": change.before,
            "after": change.after,
            "percent": change.percent,
            "p": change.p,
        }
        for column, change in changes.items()
    }


def _cells(diff: Diff, changes: Mapping[str, Change]) -> list[float | None]:
    nothing = Change(None, None)
    return [
        value
        for column in diff.columns
        for change in [changes.get(column, nothing)]
        for value in (change.before, change.after, change.percent, change.p)
    ]
