"""What this machine attains at best: float32 operations and bytes per second."""

from vmprof.report.model import Report
from vmprof.values import Count
from vmprof.zoo.peaks.cache import cached_peaks, keep_peaks
from vmprof.zoo.peaks.model import Peaks, with_peaks

__all__ = ["Peaks", "cached_peaks", "keep_peaks", "with_known_peaks", "with_peaks"]


def with_known_peaks(report: Report) -> Report:
    """``report``, of a run on this machine, with its peaks if they were measured before."""
    threads = report.configuration.get("Number of threads")
    peaks = cached_peaks(threads.value) if isinstance(threads, Count) else None
    return report if peaks is None else with_peaks(report, peaks)
