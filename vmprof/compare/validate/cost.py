"""What an engine costs: the run as a whole, and each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.compare.diff import TIME
from vmprof.report.aggregate import sum_columns
from vmprof.report.columnwise import number
from vmprof.report.model import Report
from vmprof.report.totals import longest_device, longest_total
from vmprof.values import SAMPLES_SUFFIX, Metric, Row, Samples

_EMPTY = "Empty call "
_TIMES = f"{TIME}{SAMPLES_SUFFIX}"


@dataclass(frozen=True)
class EngineCost:
    """Microseconds: Total, and of TVM's VM unprofiled, as the report says.

    ``between_us`` is what of the least disturbed repeat is in no row, per call;
    ``empty_us`` what the window around nothing reads.
    """

    total_us: float
    unprofiled_us: float
    between_us: float
    empty_us: float

    @classmethod
    def of(cls, report: Report) -> EngineCost:
        device = longest_device(report)
        total: Row = {} if device is None else report.device_metrics[device]
        runs = _sums([total.get(_TIMES)])
        rows = _sums([call.get(_TIMES) for call in report.calls])
        between = min((run - row for run, row in zip(runs, rows, strict=False)), default=0.0)
        return cls(
            total_us=longest_total(report),
            unprofiled_us=number(report.configuration.get("Unprofiled mean (us)")) or 0.0,
            between_us=max(0.0, between) / max(1, len(report.calls)),
            empty_us=number(report.configuration.get(f"{_EMPTY}(us)")) or 0.0,
        )

    @property
    def slowdown(self) -> float | None:
        """Total over unprofiled."""
        return self.total_us / self.unprofiled_us if self.unprofiled_us else None

    @property
    def per_call_us(self) -> float:
        """Inside the window and outside."""
        return self.empty_us + self.between_us


def window_costs(
    first: Report, second: Report, costs: tuple[EngineCost, EngineCost]
) -> dict[str, float]:
    """What a window costs in the dearer engine: of each column, per call.

    In time it is what a window reads around nothing, and what passes from one window
    to the next: code that runs there changes what the operator finds in the caches. Of
    a counter it is what an empty call counts, and what happens in that time at the
    rate of the whole run.
    """
    time = max(cost.per_call_us for cost in costs)
    found = {TIME: time}
    for report, cost in zip((first, second), costs, strict=True):
        for name, metric in sum_columns(report.device_metrics.values()).items():
            count, empty = number(metric), number(report.configuration.get(f"{_EMPTY}{name}"))
            if name != TIME and count is not None and empty is not None and cost.total_us:
                found[name] = max(found.get(name, 0.0), empty + count / cost.total_us * time)
    return found


def _sums(columns: Sequence[Metric | None]) -> list[float]:
    """Repeat by repeat, the sums of the samples of several rows; nothing if some have none."""
    samples = [each.values for each in columns if isinstance(each, Samples)]
    return (
        [sum(each) for each in zip(*samples, strict=True)] if len(samples) == len(columns) else []
    )
