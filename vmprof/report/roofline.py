"""The roofline: what each kernel reached, and what the machine allows at its intensity.

A kernel that does F operations on B bytes cannot be faster than the machine
computes nor than it moves the bytes: peak * min(1, F / B * bandwidth / peak).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.totals import longest_total
from vmprof.values import Metric, Ratio

# What the configuration calls the machine's peaks, at the threads of the run.
PEAK_FLOPS = "Peak GFLOP/s"
PEAK_BANDWIDTH = "Peak GB/s"

# What lies outside is zero, or nonsense.
_LEAST, _MOST = 1e-9, 1e9


@dataclass(frozen=True)
class Point:
    """A kernel: ``intensity`` in FLOP/byte, ``share`` of Total, 0 to 1."""

    name: str
    shapes: str
    kind: str
    intensity: float
    gflops: float
    microseconds: float
    share: float


@dataclass(frozen=True)
class Roofline:
    """``points``, longest first; the peaks in GFLOP/s and GB/s are None where not known."""

    points: Sequence[Point]
    peak: float | None
    bandwidth: float | None

    def attainable(self, intensity: float) -> float | None:
        """GFLOP/s that the machine allows."""
        if self.peak is None or self.bandwidth is None:
            return None
        return min(self.peak, intensity * self.bandwidth)


def roofline(report: Report) -> Roofline:
    """Of the kernels whose operations and bytes are known: columns GFLOP/s and FLOP/byte."""
    rows = derive_rows(merge_calls(report.calls), report.derived)
    total = longest_total(report) or sum(map(microseconds, rows)) or 1.0
    points = []
    for row in rows:
        gflops, intensity = row.get("GFLOP/s"), row.get("FLOP/byte")
        if isinstance(gflops, Ratio) and isinstance(intensity, Ratio):
            if not all(_LEAST < value < _MOST for value in (gflops.ratio, intensity.ratio)):
                continue  # nothing to compute: it has no place on a logarithmic axis
            time = microseconds(row)
            points.append(
                Point(
                    str(row.get("Name", "")),
                    str(row.get("Argument Shapes", "")),
                    kind_of(row),
                    intensity.ratio,
                    gflops.ratio,
                    time,
                    time / total,
                )
            )
    points.sort(key=lambda point: -point.microseconds)
    configuration = report.configuration
    return Roofline(points, _peak(configuration, PEAK_FLOPS), _peak(configuration, PEAK_BANDWIDTH))


def _peak(configuration: Mapping[str, Metric], name: str) -> float | None:
    value = configuration.get(name)
    return value.ratio if isinstance(value, Ratio) and _LEAST < value.ratio < _MOST else None
