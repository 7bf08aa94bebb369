"""Audits as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmprof import json_text
from vmprof.compare.audit.audit import Audit
from vmprof.compare.audit.cost import Cost


def to_json(audits: Sequence[tuple[str, Audit]]) -> str:
    """A list with the findings and costs of each audit, under the title that comes with it."""
    document = [
        {
            "report": title,
            "believable": audit.is_believable,
            "verdict": audit.verdict,
            "findings": [
                {"check": f.subject, "verdict": f.verdict.name.lower(), "found": f.text}
                for f in audit.findings
            ],
            "costs": {event: _cost(cost) for event, cost in audit.costs.items()},
        }
        for title, audit in audits
    ]
    return f"{json_text.dumps(document, indent=1)}\n"


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "per_call": cost.per_call,
        "spread": cost.spread,
        "rate_per_us": cost.rate,
        "near_empty_rows": cost.near_empty,
        "over_all_rows": cost.over_all,
        "declared": cost.declared,
        "declared_cost": cost.declared_cost,
        "hidden": cost.is_hidden,
        "correction": cost.correction,
        "uncertainty": cost.uncertainty,
    }
