"""A validation as JSON."""

from __future__ import annotations

from typing import Any

from vmprof import json_text
from vmprof.compare.validate.agreement import Agreement, Cell
from vmprof.compare.validate.conclusion import Validation
from vmprof.report.render.json import to_document


def to_json(validation: Validation, title: str) -> str:
    """``validation`` of the model called ``title``, with both reports as they are saved.

    ``agrees`` is null if it cannot be told.
    """
    agreement = validation.agreement
    document = {
        "model": title,
        "agrees": validation.agrees,
        "outputs": {
            "compared": validation.reproducible,
            "difference": validation.other_output,
        },
        "calls": {"number": agreement.calls, "difference": agreement.other_call},
        "varying": agreement.varying,
        "repeats": agreement.repeats,
        "tested": agreement.tested,
        "tolerance_percent": agreement.tolerance,
        "window": dict(agreement.window),
        "not_compared": dict(agreement.not_compared),
        "operators": [
            {
                "name": operator.name,
                "argument_shapes": operator.shapes,
                "count": operator.count,
                "columns": {
                    column: _cell(agreement, cell) for column, cell in operator.cells.items()
                },
            }
            for operator in agreement.operators
        ],
        "engines": {
            name: {
                "total_us": cost.total_us,
                "unprofiled_us": cost.unprofiled_us,
                "slowdown": cost.slowdown,
                "between_calls_us": cost.between_us,
                "empty_call_us": cost.empty_us,
            }
            for name, cost in zip(agreement.engines, agreement.costs, strict=True)
        },
        "reports": {name: to_document(each) for name, each in validation.reports.items()},
    }
    return f"{json_text.dumps(document, indent=1)}\n"


def _cell(agreement: Agreement, cell: Cell) -> dict[str, Any]:
    values = (cell.change.before, cell.change.after)
    return {
        **{
            name: {"value": value, "spread": spread}
            for name, value, spread in zip(agreement.engines, values, cell.spreads, strict=True)
        },
        "percent": cell.change.percent,
        "p": cell.change.p,
        "allowed": cell.allowed,
        "verdict": cell.verdict.name.lower(),
    }
