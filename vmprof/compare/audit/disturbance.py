"""How much the run was slowed by being profiled, and what of it no row explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmprof.compare.audit.finding import Finding, judge, unknown
from vmprof.report.aggregate import sum_columns
from vmprof.report.model import Count, Duration, Report

# A slower run fails the audit only if a call costs so much outside its row that
# caches and idle threads can go cold meanwhile. Calling from Python alone takes
# a microsecond, and a model of tiny operators is slowed by that alone.
_MOST_PER_CALL_US = 5.0
_MOST_SLOWDOWN = 1.5
_MOST_IN_NO_ROW = 0.5
# By chance the rows may add up to a little more than a mean of other runs.
_MOST_OF_MEAN = 1.1

# The heading of TVM's reports has two decimals of a millisecond.
_MEAN_HALF_STEP_US = 5.0


@dataclass(frozen=True)
class Slowdown:
    """Total over the mean without profiling; ``low`` to ``high`` is what rounding leaves open."""

    factor: float
    low: float
    high: float


def slowdown(report: Report) -> Slowdown | None:
    """None if ``report`` lacks a Total or the mean."""
    total, mean = _microseconds(report, "Total"), _microseconds(report, "mean")
    if not total or not mean:
        return None
    step = _mean_half_step(mean)
    return Slowdown(total / mean, total / (mean + step), total / max(mean - step, 1e-9))


def check_disturbance(report: Report) -> Iterator[Finding]:
    total, mean = _microseconds(report, "Total"), _microseconds(report, "mean")
    sums = sum_columns(report.calls)
    rows, calls = sums.get("Duration (us)"), sums.get("Count")
    if not total or not (isinstance(rows, Duration) and isinstance(calls, Count)):
        yield unknown("slowdown", "the report has no Total, or no durations")
        return
    count = max(calls.value, 1)
    outside = total - rows.microseconds
    yield judge(
        "in no row",
        f"{outside:,.2f} us, {100 * outside / total:.1f} % of Total: "
        f"{outside / count:.2f} us per call",
        fails=outside > _MOST_IN_NO_ROW * total and outside / count > _MOST_PER_CALL_US,
    )
    slow = slowdown(report)
    if mean is None or slow is None:
        yield unknown("slowdown", "the report does not say how long the model takes unprofiled")
        return
    between = f" ({slow.low:.2f} to {slow.high:.2f})" if slow.high - slow.low > 0.01 else ""
    per_call = (total - mean) / count
    yield judge(
        "slowdown",
        f"{slow.factor:.2f}{between}: Total {total:,.2f} us, unprofiled mean {mean:,.2f} us; "
        f"{per_call:.2f} us per call",
        fails=slow.low > _MOST_SLOWDOWN and per_call > _MOST_PER_CALL_US,
    )
    longest = mean + 2 * (_microseconds(report, "std") or 0.0) + _mean_half_step(mean)
    yield judge(
        "rows against the unprofiled mean",
        f"their durations add up to {rows.microseconds / mean:.2f} of it",
        fails=rows.microseconds > max(longest, _MOST_OF_MEAN * mean),
    )


def _mean_half_step(mean: float) -> float:
    return _MEAN_HALF_STEP_US if mean % 10 == 0 else 0.0


def _microseconds(report: Report, what: str) -> float | None:
    if what == "Total":
        metrics = [row.get("Duration (us)") for row in report.device_metrics.values()]
        found = [metric.microseconds for metric in metrics if isinstance(metric, Duration)]
        # Several devices run at the same time.
        return max(found, default=None)
    metric = report.configuration.get(f"Unprofiled {what} (us)")
    return metric.microseconds if isinstance(metric, Duration) else None
