"""What an engine costs: the run as a whole, and each window."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from vmprof.compare.diff import TIME
from vmprof.compare.diff.change import number
from vmprof.report.aggregate import sum_columns
from vmprof.report.model import SAMPLES_SUFFIX, Report, Samples

_EMPTY = "Empty call "


@dataclass(frozen=True)
class EngineCost:
    """Microseconds: of the recorded run, of TVM's VM unprofiled, both in median.

    ``between`` is the part of ``total_us`` that is in no row; ``empty_us`` what the
    window around nothing reads.
    """

    total_us: float
    unprofiled_us: float
    between_us: float
    empty_us: float
    calls: int

    @classmethod
    def of(cls, report: Report) -> EngineCost:
        total = number(sum_columns(report.device_metrics.values()).get(TIME)) or 0.0
        rows = number(sum_columns(report.calls).get(TIME)) or 0.0
        mean = "Unprofiled mean (us)"
        samples = report.configuration.get(f"{mean}{SAMPLES_SUFFIX}")
        unprofiled = (
            median(samples.values)
            if isinstance(samples, Samples)
            else number(report.configuration.get(mean)) or 0.0
        )
        empty = number(report.configuration.get(f"{_EMPTY}(us)")) or 0.0
        return cls(total, unprofiled, total - rows, empty, max(1, len(report.calls)))

    @property
    def slowdown(self) -> float | None:
        """Total over unprofiled."""
        return self.total_us / self.unprofiled_us if self.unprofiled_us else None

    @property
    def per_call_us(self) -> float:
        """What a call costs more than without a profiler, at least what an empty one reads."""
        return max(self.empty_us, (self.total_us - self.unprofiled_us) / self.calls)


def window_costs(
    first: Report, second: Report, costs: tuple[EngineCost, EngineCost]
) -> dict[str, float]:
    """What a window costs in the dearer engine: of each column, per call.

    In time it is what a call takes longer than without a profiler. Of a counter it
    is what an empty call counts, and what happens in that time at the rate of the
    whole run.
    """
    time = max(cost.per_call_us for cost in costs)
    found = {TIME: time}
    for report, cost in zip((first, second), costs, strict=True):
        for name, metric in sum_columns(report.device_metrics.values()).items():
            count, empty = number(metric), number(report.configuration.get(f"{_EMPTY}{name}"))
            if name != TIME and count is not None and empty is not None and cost.total_us:
                found[name] = max(found.get(name, 0.0), empty + count / cost.total_us * time)
    return found
