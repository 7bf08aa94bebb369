"""What a machine was measured to attain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vmprof.report.beyond import with_marks
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.report.roofline import PEAK_BANDWIDTH, PEAK_FLOPS
from vmprof.values import Derived, Ratio


@dataclass(frozen=True)
class Peaks:
    """float32 operations (``gflops``, in GFLOP/s) and bytes (``bandwidth``, in GB/s)."""

    threads: int
    gflops: float
    bandwidth: float


def with_peaks(report: Report, peaks: Peaks) -> Report:
    """``report`` with the machine's peaks, and which share of them each kernel reached.

    Only where it has the columns GFLOP/s and GB/s; else it stays as it is. Rates beyond
    the peaks are named in the configuration.
    """
    derived = {each.column: each for each in report.derived}
    more = [
        _share("% of peak GFLOP/s", derived.get("GFLOP/s"), peaks.gflops),
        _share("% of peak GB/s", derived.get("GB/s"), peaks.bandwidth),
    ]
    shares = [each for each in more if each is not None]
    if not shares:
        return report
    configuration = {
        **report.configuration,
        PEAK_FLOPS: Ratio(peaks.gflops),
        PEAK_BANDWIDTH: Ratio(peaks.bandwidth),
    }
    kept = [each for each in report.derived if each.column not in {s.column for s in shares}]
    return with_marks(derive(replace(report, configuration=configuration), [*kept, *shares]))


def _share(column: str, rate: Derived | None, peak: float) -> Derived | None:
    if rate is None:
        return None
    return Derived(column, f"({rate.formula}) / {peak:.6g}", "percent", rate.sources)
