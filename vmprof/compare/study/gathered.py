"""What the reports of many points say of each operator, a number each, without the reports.

A report of a large model has megabytes; of a thousand of them only these columns are kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean

from vmprof.compare.diff.side import TIME, Side, SideRow
from vmprof.report import provenance
from vmprof.report.model import Report
from vmprof.report.noise import NOISE, noise_of
from vmprof.values import Metric

HOST = "Host"  # of the provenance: what the computer calls itself
MODEL = "Model"
# The run as a whole, of the rows that :class:`Side` knows.
_UNPROFILED = "Unprofiled mean"
_NAMES = ("Name", "Argument Shapes", "Device")


@dataclass(frozen=True)
class Operator:
    """What all reports call the same; a row ``is_whole`` if it is of the run."""

    name: str
    shapes: str = ""
    device: str = ""
    is_whole: bool = False


@dataclass(frozen=True)
class Facts:
    """What a report says of where it was made; empty where it does not tell."""

    name: str = ""
    processor: str = ""
    kernel: str = ""
    noise: str = ""


class Row:
    """One operator at all points, in their order; NaN where a report does not have it.

    ``columns`` has the values by column, ``tested`` what times are compared by (of each start the
    least quarter of its repeats), ``noise`` the variance that has from repeat to repeat.
    """

    def __init__(self, points: int) -> None:
        self._nothing = array("d", [nan]) * points
        self.columns: dict[str, array[float]] = {}
        self.tested = self._nothing[:]
        self.noise = self._nothing[:]

    def put(self, place: int, column: str, value: float) -> None:
        if column not in self.columns:
            self.columns[column] = self._nothing[:]
        self.columns[column][place] = value


class Gathered:
    """The reports of ``points``, as far as they were added."""

    def __init__(self, points: Sequence[str]) -> None:
        self.points = tuple(points)
        self.facts: dict[str, Facts] = {}
        self.model = ""
        self.rows: dict[Operator, Row] = {}
        self._places = {point: place for place, point in enumerate(self.points)}

    def add(self, point: str, report: Report) -> None:
        """Keep the numbers of ``report``, which was made at ``point``."""
        place = self._places[point]
        side = Side([report])
        columns = side.columns
        for row in side.rows:
            first = row.first
            name, shapes, device = (_text(first.get(name)) for name in _NAMES)
            operator = Operator(name, shapes, device)
            self._put(operator, place, row, columns)
        for name, row in side.wholes.items():
            if name.startswith("Total") or name == _UNPROFILED:
                self._put(Operator(name, is_whole=True), place, row, columns)
        self.facts[point] = _facts(report)
        self.model = self.model or _text(report.configuration.get(MODEL))

    def _put(self, operator: Operator, place: int, row: SideRow, columns: Sequence[str]) -> None:
        kept = self.rows.setdefault(operator, Row(len(self.points)))
        for column in columns:
            value = row.value(column)
            if value is not None and isfinite(value):
                # Kernels of one name and shapes that differ in their hash are one operator here.
                before = kept.columns[column][place] if column in kept.columns else nan
                kept.put(place, column, value if before != before else before + value)  # noqa: PLR0124
        starts = row.undisturbed(TIME)
        if starts:
            kept.tested[place] = fmean(starts)
            kept.noise[place] = row.noise(TIME) / len(starts)


def _facts(report: Report) -> Facts:
    said: Mapping[str, Metric] = report.provenance
    noise = noise_of(report) if NOISE not in said else None
    return Facts(
        name=_text(said.get(HOST)),
        processor=_text(said.get(provenance.PROCESSOR)),
        kernel=_text(said.get(provenance.KERNEL)),
        noise=noise.verdict if noise else _text(said.get(NOISE)),
    )


def _text(metric: Metric | None) -> str:
    return metric if isinstance(metric, str) else ""
