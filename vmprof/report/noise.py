"""How far the numbers of a report can be relied on, from what the report itself holds.

How much repeats differ decides how noisy it was; what the system says that happened on the
processors meanwhile explains it (:mod:`vmprof.report.causes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from math import isfinite
from statistics import fmean, quantiles, stdev

from vmprof.report.causes import WARM_UP_SETTLED, Cause, causes_of
from vmprof.report.model import Report
from vmprof.report.totals import longest_device
from vmprof.values import INVOCATIONS, SAMPLES_SUFFIX, Duration, Metric, Row, Samples

__all__ = [
    "NOISE",
    "REMEDY",
    "WARM_UP_SETTLED",
    "Level",
    "Noise",
    "Spread",
    "noise_of",
    "spread_of",
    "used_of",
    "with_provenance",
]

# Lines of the provenance.
NOISE, REMEDY = "Noise", "Against the noise"

# Fewer repeats have no quartiles.
LEAST_REPEATS = 3
# What is larger, infinite or no number was not measured.
_LARGEST = 1e100
_TIME, _MEAN, _STD = "Duration (us)", "Unprofiled mean (us)", "Unprofiled std (us)"
# Percent of the median, half of what lies between the quartiles; and of the mean, one standard
# deviation, which single repeats can raise: values are of the middle half, so more is let pass.
_QUIET_SPREAD, _MOST_SPREAD = 3.0, 10.0
_QUIET_STD, _MOST_STD = 10.0, 25.0
# A repeat that takes so many times the median is worth a word.
_LONG = 1.5


class Level(Enum):
    """How noisy it was; ``UNKNOWN`` with too few repeats to tell."""

    QUIET = "quiet"
    NOISY = "noisy"
    TOO_NOISY = "very noisy"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Spread:
    """Quartiles of what ``repeats`` repeats measured, in the unit of the column."""

    low: float
    middle: float
    high: float
    repeats: int

    @property
    def percent(self) -> float:
        """Half of what lies between the quartiles, of the median; 0 where that is 0."""
        return 50 * (self.high - self.low) / self.middle if self.middle > 0 else 0.0

    @property
    def text(self) -> str:
        """``±3.1 %``, as it stands beside a value."""
        return f"±{self.percent:,.{1 if self.percent < 9.95 else 0}f} %"


@dataclass(frozen=True)
class Noise:
    """``verdict`` is one line: the level and why; ``remedy`` what to do, ``""`` if nothing.

    ``total`` is the spread of the longest Total, ``unprofiled`` that of TVM's VM; None with too
    few repeats, or if invocations of a user's program are not repeats. ``deviation`` is the
    larger of their standard deviations, in percent of the mean.
    """

    level: Level
    verdict: str
    remedy: str
    total: Spread | None = None
    unprofiled: Spread | None = None
    deviation: float | None = None
    causes: tuple[Cause, ...] = ()


def spread_of(row: Row, column: str = _TIME) -> Spread | None:
    """The spread of ``column`` in a call, a merged row or a Total; None with too few repeats."""
    values = _samples(row, column)
    if len(values) < LEAST_REPEATS:
        return None
    low, middle, high = quantiles(values, n=4)
    return Spread(low, middle, high, len(values))


def used_of(repeats: int) -> int:
    """Of how many of them values are the mean: see :mod:`vmprof.report.estimator`."""
    return repeats - 2 * ((repeats + 1) // 4)


def noise_of(report: Report) -> Noise | None:
    """None of a report that says nothing of repeats, nor of what happened meanwhile."""
    if INVOCATIONS in report.configuration:
        return _of_invocations(report)
    row = report.device_metrics.get(longest_device(report) or "", {})
    total, unprofiled = spread_of(row), spread_of(report.configuration, _MEAN)
    deviation = max(
        (each for each in (_deviation(row, _TIME), _declared(report)) if each is not None),
        default=None,
    )
    times = _samples(row, _TIME)
    if deviation is None and not times:
        return None
    causes = tuple(causes_of(report, times))
    level = _level(total, unprofiled, deviation)
    verdict, remedy = _told(level, _measure(total, unprofiled, deviation, times), causes)
    return Noise(level, verdict, remedy, total, unprofiled, deviation, causes)


def with_provenance(report: Report, provenance: Mapping[str, Metric]) -> Report:
    """``report`` with that, and with what it means for the noise."""
    report = replace(report, provenance=provenance)
    noise = noise_of(report)
    if noise is None:
        return report
    told = {NOISE: noise.verdict, **({REMEDY: noise.remedy} if noise.remedy else {})}
    return replace(report, provenance={**told, **provenance})


def _of_invocations(report: Report) -> Noise | None:
    """Invocations differ as the program wants it: what happened on the processors decides."""
    if not report.provenance:
        return None
    causes = tuple(causes_of(report, ()))
    if not causes:
        return Noise(Level.QUIET, "quiet: nothing else took the CPUs", "")
    verdict, remedy = _told(Level.NOISY, "", causes)
    return Noise(Level.NOISY, verdict, remedy, causes=causes)


def _level(total: Spread | None, unprofiled: Spread | None, deviation: float | None) -> Level:
    spread = max((each.percent for each in (total, unprofiled) if each), default=None)
    if spread is None and deviation is None:
        return Level.UNKNOWN
    widest, deviation = spread or 0.0, deviation or 0.0
    if widest > _MOST_SPREAD or deviation > _MOST_STD:
        return Level.TOO_NOISY
    if widest > _QUIET_SPREAD or deviation > _QUIET_STD:
        return Level.NOISY
    return Level.QUIET


def _measure(
    total: Spread | None,
    unprofiled: Spread | None,
    deviation: float | None,
    times: tuple[float, ...],
) -> str:
    """How much repeats differ, in words."""
    parts = []
    if total is not None:
        repeats = f"{total.repeats} repeats, the middle {used_of(total.repeats)} used"
        parts.append(f"Total {total.text} ({repeats})")
    if unprofiled is not None and unprofiled.percent > _QUIET_SPREAD:
        parts.append(f"unprofiled {unprofiled.text}")
    if deviation is not None and (deviation > _QUIET_STD or not parts):
        parts.append(f"standard deviation {deviation:.0f} % of the mean")
    if total is not None and total.middle > 0 and max(times) > _LONG * total.middle:
        parts.append(f"single repeats up to {max(times) / total.middle:.1f} times as long")
    return ", ".join(parts) or "too few repeats to tell"


def _told(level: Level, measure: str, causes: tuple[Cause, ...]) -> tuple[str, str]:
    """Verdict and remedy."""
    why = "; ".join(cause.text for cause in causes)
    remedy = "; ".join(dict.fromkeys(cause.remedy for cause in causes if cause.remedy))
    if level in (Level.NOISY, Level.TOO_NOISY):
        return (
            f"{level.value}: {'; '.join(filter(None, (why or 'no cause is to be seen', measure)))}",
            remedy or "measure again, with more --repeats; vmprof doctor says what may disturb",
        )
    if level is Level.UNKNOWN:
        return f"{level.value}: {measure}{f'; {why}' if why else ''}", "more --repeats"
    return f"{level.value}: {measure}{f', though {why}' if why else ''}", remedy


def _samples(row: Row, column: str) -> tuple[float, ...]:
    """What each repeat measured; nothing if one of them is no number."""
    samples = row.get(f"{column}{SAMPLES_SUFFIX}")
    if not isinstance(samples, Samples):
        return ()
    return samples.values if all(abs(value) < _LARGEST for value in samples.values) else ()


def _deviation(row: Row, column: str) -> float | None:
    values = _samples(row, column)
    if len(values) < LEAST_REPEATS or not (mean := fmean(values)) > 0:
        return None
    return 100 * stdev(values) / mean


def _declared(report: Report) -> float | None:
    """Of the unprofiled runs, as the report says, TVM's in its heading, too."""
    if _few(report.configuration):
        return None
    match report.configuration.get(_MEAN), report.configuration.get(_STD):
        case Duration(mean), Duration(deviation) if mean > 0 and isfinite(deviation / mean):
            return 100 * deviation / mean
    return None


def _few(configuration: Row) -> bool:
    samples = configuration.get(f"{_MEAN}{SAMPLES_SUFFIX}")
    return isinstance(samples, Samples) and len(samples.values) < LEAST_REPEATS
