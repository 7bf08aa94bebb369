"""A report less what the measuring cost, with the uncertainty of that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.compare.audit.cost import Cost
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.values import INCLUSIVE, SAMPLES_SUFFIX, Count, Metric, Row

# What lies within two standard deviations of nothing is not told from it.
_SIGMAS = 2.0
_MEDIAN_EFFICIENCY = 1.2533  # standard error of a median over that of a mean


@dataclass(frozen=True)
class Corrected:
    """A count less its cost, and the standard deviation of the difference.

    May be negative: then the call cost less than others to measure, and its own
    count is lost in that.
    """

    value: float
    uncertainty: float

    @property
    def is_told(self) -> bool:
        """Whether it can be told from nothing."""
        return self.value > _SIGMAS * self.uncertainty


def corrected_cell(row: Row, cost: Cost) -> Corrected | None:
    """None if ``row`` has no such count."""
    match row.get(cost.event), row.get("Count"):
        case Count(value), Count(calls):
            return Corrected(value - calls * cost.correction, calls * cost.uncertainty)
    return None


def corrected_sum(rows: Sequence[Row], cost: Cost) -> Corrected:
    """Rows stray each on its own, and the cost is known only as well as its rows tell."""
    cells = [cell for row in rows if (cell := corrected_cell(row, cost))]
    calls = sum(
        count.value
        for row in rows
        if corrected_cell(row, cost) and isinstance(count := row.get("Count"), Count)
    )
    own = math.hypot(*(cell.uncertainty for cell in cells))
    common = _MEDIAN_EFFICIENCY * cost.uncertainty / math.sqrt(cost.near_empty or len(rows) or 1)
    return Corrected(sum(cell.value for cell in cells), math.hypot(own, calls * common))


def corrected_report(report: Report, rows: Sequence[Row], costs: Mapping[str, Cost]) -> Report:
    """``report`` with its merged ``rows`` less their ``costs``.

    A count that cannot be told from nothing is left out, and so are the counts
    of Total, which hold what was counted between the rows, those that include calls
    inside, whose cost they hold too, and the samples. Durations stay.
    """
    changed = {event: cost for event, cost in costs.items() if cost.correction}
    notes: dict[str, Metric] = {
        f"Corrected {event}": (
            f"less {cost.correction:,.0f} ± {cost.uncertainty:,.0f} per call; "
            "left out where that leaves nothing certain"
        )
        for event, cost in changed.items()
    }
    corrected = Report(
        calls=tuple(_corrected_row(row, changed) for row in rows),
        device_metrics={
            device: _other_columns(row, changed) for device, row in report.device_metrics.items()
        },
        configuration={**report.configuration, **notes},
        missing=report.missing,
        provenance=report.provenance,
    )
    return derive(corrected, report.derived)


def _corrected_row(row: Row, changed: Mapping[str, Cost]) -> Row:
    result = _other_columns(row, changed)
    for event, cost in changed.items():
        cell = corrected_cell(row, cost)
        if cell and cell.is_told:
            result[event] = Count(round(cell.value))
    return result


def _other_columns(row: Row, changed: Mapping[str, Cost]) -> dict[str, Metric]:
    return {
        name: metric
        for name, metric in row.items()
        if name.removesuffix(SAMPLES_SUFFIX).removesuffix(INCLUSIVE) not in changed
    }
