"""Rates that the machine cannot reach, by the peaks that the report carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.render.figures import three_digits
from vmprof.report.roofline import PEAK_BANDWIDTH, PEAK_FLOPS
from vmprof.values import Metric, Ratio

# Peaks are measured, by kernels that do little else; a few percent more says nothing.
_TOLERANCE = 1.1

_MARK = "Beyond the peak "
_WHY = {
    "GFLOP/s": "not all operations that are counted were done, or other things ran while the "
    "peaks were measured",
    "GB/s": "its data were in caches, or not all bytes that are counted were moved",
}


@dataclass(frozen=True)
class BeyondPeak:
    """The operator ``name`` with a ``rate`` in ``column`` that is more than ``peak`` allows."""

    name: str
    column: str
    rate: float
    peak: float


def beyond_peaks(report: Report) -> list[BeyondPeak]:
    """The merged rows whose rates exceed the peaks in the configuration, worst first.

    None if the report has no peaks, or no rates.
    """
    peaks = {"GFLOP/s": PEAK_FLOPS, "GB/s": PEAK_BANDWIDTH}
    found = []
    for row in derive_rows(merge_calls(report.calls), report.derived):
        for column, key in peaks.items():
            rate, peak = row.get(column), report.configuration.get(key)
            if not isinstance(rate, Ratio) or not isinstance(peak, Ratio) or peak.ratio <= 0:
                continue
            if rate.ratio > _TOLERANCE * peak.ratio:
                found.append(BeyondPeak(str(row.get("Name")), column, rate.ratio, peak.ratio))
    return sorted(found, key=lambda each: -each.rate / each.peak)


def with_marks(report: Report) -> Report:
    """``report`` whose configuration says which rates are more than the machine attains."""
    notes: dict[str, Metric] = {
        name: value for name, value in report.configuration.items() if not name.startswith(_MARK)
    }
    found = beyond_peaks(report)
    for column, why in _WHY.items():
        rows = [each for each in found if each.column == column]
        if rows:
            worst = rows[0]
            notes[f"{_MARK}{column}"] = (
                f"rows: {len(rows)}, {worst.name} above all: {three_digits(worst.rate)} where "
                f"{three_digits(worst.peak)} was measured at best; {why}"
            )
    return replace(report, configuration=notes)
