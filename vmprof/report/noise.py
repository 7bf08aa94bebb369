"""How far the numbers of a report can be relied on, from what the report itself holds.

The spread of what was repeated, a drift of it, and what the system says that happened on the
processors meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vmprof.report.model import Report
from vmprof.values import SAMPLES_SUFFIX, Row, Samples


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
        """``±3 %``, as it stands beside a value."""
        percent = self.percent
        return f"±{percent:.1f} %" if 0 < percent < 0.95 else f"±{percent:,.0f} %"


@dataclass(frozen=True)
class Noise:
    """``verdict`` is one line: level, and what causes it; ``remedy`` is what to do, or ``""``.

    ``total`` is the spread of the longest Total, None with too few repeats.
    """

    level: Level
    verdict: str
    remedy: str
    total: Spread | None


def spread_of(row: Row, column: str = "Duration (us)") -> Spread | None:
    """The spread of ``column`` in a call, a merged row or a Total; None with too few repeats."""
    samples = row.get(f"{column}{SAMPLES_SUFFIX}")
    return None if not isinstance(samples, Samples) else _spread(samples.values)


def noise_of(report: Report) -> Noise | None:
    """None of a report that says nothing of repeats, as TVM's."""
    return None
