"""Peaks as a report's configuration has them."""

from __future__ import annotations

import math

from vmprof.report.render.figures import three_digits
from vmprof.report.roofs import MEASURED, UNSETTLED, Level, Roofs
from vmprof.values import Metric
from vmprof.zoo.peaks.cache import cached_peaks
from vmprof.zoo.peaks.model import Peaks


def peak_settings(peaks: Peaks, of_one: Peaks | None = None) -> dict[str, Metric]:
    """``peaks`` of the run's threads; and those ``of_one`` thread, where that is not the same."""
    settings = _roofs(peaks).settings()
    if of_one is not None and peaks.threads != 1:
        settings |= _roofs(of_one).settings(one_thread=True)
    settings[MEASURED] = described(peaks)
    if unsettled := told_unsettled(peaks):
        settings[UNSETTLED] = unsettled
    return settings


def kept_settings(threads: int) -> dict[str, Metric]:
    """What is kept of this machine, with so many ``threads`` and with one; empty if nothing is.

    :class:`VmprofError` if what is kept cannot be read.
    """
    peaks = cached_peaks(threads)
    return {} if peaks is None else peak_settings(peaks, cached_peaks(1))


def described(peaks: Peaks) -> str:
    """When they were measured, and how often."""
    when = peaks.when or "at an unknown time, by an older vmprof"
    return f"{when}, the best of {peaks.measurements}" if peaks.measurements > 1 else when


def told_unsettled(peaks: Peaks) -> str:
    """Which rates did not come again within 3 %, and their ranges; empty if all did."""
    return ", ".join(
        f"{name} {three_digits(rate.least)} to {three_digits(rate.best)}"
        for name, rate in peaks.rates
        if not rate.settled
    )


def _roofs(peaks: Peaks) -> Roofs:
    levels = [
        Level(level.name, level.rate.best, math.inf if level.bytes is None else level.bytes)
        for level in peaks.levels
    ]
    return Roofs(peaks.gflops.best, levels)
