"""The machine's peaks for a report: kept ones, or measured for it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import tvm

from vmprof.errors import VmprofError, VmprofWarning
from vmprof.progress import Progress
from vmprof.recording.tables import Recording
from vmprof.report.model import Report
from vmprof.report.peaks import is_above_roof, with_peaks
from vmprof.values import Count, Metric
from vmprof.zoo.compiler_half import need_compiler
from vmprof.zoo.peaks import Peaks, keep_peaks, kept_history, kept_settings

# So long a measurement is a recent one; one that did not settle is tried again sooner.
_RECENT = timedelta(days=30)
_RECENT_UNSETTLED = timedelta(hours=1)


class KnownPeaks:
    """What is known of this machine with ``threads``, and with one.

    With ``measures``, what was not measured recently is measured at once, in a process of its
    own, and kept. Raises :class:`VmprofError` if what is kept cannot be read.
    """

    def __init__(self, threads: int, *, measures: bool, progress: Progress) -> None:
        self._threads = sorted({1, threads})
        self._progress = progress
        self._measures = measures
        self._new: set[int] = set()
        for number in self._threads:
            if measures and not is_recent(kept_history(number)):
                self._measure(number)

    def settings(self) -> dict[str, Metric]:
        """Lines of a configuration; none if nothing is known."""
        return kept_settings(self._threads[-1])

    def applied_to(self, report: Report, more: dict[str, Metric]) -> Report:
        """``report`` with these peaks, and ``more`` lines about the machine.

        If a kernel proves them too low, they are measured again, once.
        """
        found = with_peaks(report, {**more, **self.settings()})
        again = [number for number in self._threads if number not in self._new]
        if self._measures and again and is_above_roof(found):
            for number in again:
                self._measure(number)
            found = with_peaks(report, {**more, **self.settings()})
        return found

    def _measure(self, threads: int) -> None:
        self._new.add(threads)
        try:
            need_compiler("to measure the machine's peaks")
            from vmprof.zoo.peaks.measure import measure

            keep_peaks(measure(threads, progress=self._progress))
        except VmprofError as error:
            warnings.warn(f"{error}", VmprofWarning, stacklevel=2)


def measure_if_unknown(progress: Progress) -> None:
    """Measure what this machine attains with TVM's threads, if that was not done recently."""
    KnownPeaks(tvm.runtime.num_threads(), measures=True, progress=progress)


def with_kept_peaks(recording: Recording) -> Recording:
    """``recording``, which this process made, with what is known of its machine.

    Reports of it with metrics then say what bounds operators. What is kept and cannot be read is
    one of its problems.
    """
    threads = recording.facts.get("Number of threads")
    if not isinstance(threads, Count):
        return recording
    try:
        return replace(recording, peaks=kept_settings(threads.value))
    except VmprofError as error:
        return replace(recording, problems=(*recording.problems, f"what bounds operators: {error}"))


def is_recent(history: Sequence[Peaks], now: datetime | None = None) -> bool:
    """Whether one of ``history`` settled in the last 30 days, or one was tried within the hour."""
    now = now or datetime.now(timezone.utc)
    return any(
        now - when < (_RECENT if peaks.is_settled else _RECENT_UNSETTLED)
        for peaks in history
        if (when := _when(peaks)) is not None
    )


def _when(peaks: Peaks) -> datetime | None:
    try:
        return datetime.fromisoformat(peaks.when)
    except ValueError:
        return None
