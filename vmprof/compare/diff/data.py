"""A diff as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from vmprof import json_text
from vmprof.compare.diff.change import ALPHA, Change
from vmprof.compare.diff.diff import Diff
from vmprof.report.render.table import format_metric


def to_json(diff: Diff, before: str, after: str) -> str:
    """:func:`to_document` as text."""
    return f"{json_text.dumps(to_document(diff, before, after), indent=1)}\n"


def to_document(diff: Diff, before: str, after: str) -> dict[str, Any]:
    """``diff`` between the sides called ``before`` and ``after``, as plain data.

    A change has ``before``, ``after``, ``percent`` and the chances ``p``, ``p_drift`` and
    ``p_repeats`` of :class:`Change`, null where there is none; ``verdict`` is the name of its
    :class:`Sureness`.
    """
    return {
        "before": before,
        "after": after,
        "starts": {"before": diff.starts[0], "after": diff.starts[1], "in_turn": diff.in_turn},
        "alpha": ALPHA,
        "operators": [
            {
                "name": operator.name,
                "name_before": operator.name_before,
                "argument_shapes": operator.shapes,
                "layer": operator.layer,
                "count": {"before": operator.count_before, "after": operator.count_after},
                "matched_by": operator.matched_by and operator.matched_by.name.lower(),
                "changes": _changes(operator.changes),
            }
            for operator in diff.operators
        ],
        "whole": {name: _changes(changes) for name, changes in diff.whole.items()},
        "one_sided": list(diff.one_sided),
        "not_compared": dict(diff.not_compared),
        "configuration": {
            name: {"before": format_metric(old), "after": format_metric(new)}
            for name, (old, new) in diff.settings.items()
        },
    }


def to_csv(diff: Diff) -> str:
    """A line per operator, then a line per whole."""
    header = ["Name", "Argument Shapes", "Matched by", "Count before", "Count after"]
    for column in diff.columns:
        cells = ("before", "after", "percent", "p", "verdict")
        header += [f"{column} {cell}" for cell in cells]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(header)
    for operator in diff.operators:
        matched_by = operator.matched_by.name.lower() if operator.matched_by else ""
        counts = operator.count_before, operator.count_after
        named = operator.name, operator.shapes, matched_by
        writer.writerow([*named, *counts, *_cells(diff, operator.changes)])
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
            "p_drift": change.p_drift,
            "p_repeats": change.p_repeats,
            "verdict": change.sureness.name.lower(),
        }
        for column, change in changes.items()
    }


def _cells(diff: Diff, changes: Mapping[str, Change]) -> list[float | str | None]:
    cells: list[float | str | None] = []
    for column in diff.columns:
        change = changes.get(column, Change(None, None))
        has_both = change.before is not None and change.after is not None
        verdict = change.sureness.name.lower() if has_both else None
        cells += [change.before, change.after, change.percent, change.p, verdict]
    return cells
