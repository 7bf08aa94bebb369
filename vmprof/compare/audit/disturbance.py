"""How much the run was slowed by being profiled, and what of it no row explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmprof.compare.audit.arithmetic import TIME, rounding
from vmprof.compare.audit.finding import Finding, Held, judge_held, undecided
from vmprof.compare.audit.repeats import Repeats, mapped, repeats_of, summed_repeats
from vmprof.report.aggregate import sum_columns
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.totals import in_no_row, longest_device, longest_total, rows_of
from vmprof.values import Count, Duration, Row

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
_MEAN = "Unprofiled mean (us)"


@dataclass(frozen=True)
class Slowdown:
    """Total over the mean without profiling; ``low`` to ``high`` is what rounding leaves open."""

    factor: float
    low: float
    high: float


def slowdown(report: Report) -> Slowdown | None:
    """Of the longest Total. None if ``report`` lacks a Total or the mean."""
    total, mean = longest_total(report), _configured(report, _MEAN)
    if not total or not mean:
        return None
    step = _mean_half_step(mean)
    return Slowdown(total / mean, total / (mean + step), total / max(mean - step, 1e-9))


def check_disturbance(report: Report) -> Iterator[Finding]:
    device = longest_device(report)
    rows = sum_columns(report.calls)
    if device is None or not longest_total(report) or not isinstance(rows.get(TIME), Duration):
        yield undecided("slowdown", "the report has no Total, or no durations")
        return
    yield from _check_in_no_row(report)
    mean, slow = _configured(report, _MEAN), slowdown(report)
    if mean is None or slow is None:
        yield undecided("slowdown", "the report does not say how long the model takes unprofiled")
        return
    yield _check_slowdown(report, device, mean, slow)
    yield _check_rows(report, mean)


def _check_in_no_row(report: Report) -> Iterator[Finding]:
    """Of each device; all shares are of the longest Total."""
    whole = longest_total(report)
    for device, outside in in_no_row(report).items():
        subject = f"in no row of {device}" if len(report.device_metrics) > 1 else "in no row"
        rows = rows_of(report, device)
        calls = _calls(rows)
        text = (
            f"{outside:,.2f} us, {100 * outside / whole:.1f} % of Total: "
            f"{outside / calls:.2f} us per call"
        )
        if outside < -rounding(report):
            yield undecided(subject, f"{text}; rows and Total do not add up")
            continue
        total = report.device_metrics[device]
        runs = repeats_of(total, TIME)

        def most(total_us: float, calls: int = calls) -> float:
            return max(_MOST_IN_NO_ROW * total_us, _MOST_PER_CALL_US * calls)

        between = _between(runs, summed_repeats(rows, TIME))
        held = Held(outside, most(microseconds(total)), between, mapped(runs, most))
        yield judge_held(subject, text, [held])


def _between(runs: Repeats | None, rows: Repeats | None) -> Repeats | None:
    """What of each run is in no row."""
    if runs is None or rows is None:
        return None
    if len(runs) != len(rows):
        return ()
    return tuple(run - row for run, row in zip(runs, rows, strict=True))


def _check_slowdown(report: Report, device: str, mean: float, slow: Slowdown) -> Finding:
    total, calls = longest_total(report), _calls(report.calls)
    between = f" ({slow.low:.2f} to {slow.high:.2f})" if slow.high - slow.low > 0.01 else ""
    text = (
        f"{slow.factor:.2f}{between}: Total {total:,.2f} us, unprofiled mean {mean:,.2f} us; "
        f"{(total - mean) / calls:.2f} us per call"
    )

    def most(plain: float, step: float = 0.0) -> float:
        return max(_MOST_SLOWDOWN * (plain + step), plain + _MOST_PER_CALL_US * calls)

    held = Held(
        total,
        most(mean, _mean_half_step(mean)),
        repeats_of(report.device_metrics[device], TIME),
        mapped(repeats_of(report.configuration, _MEAN), most),
    )
    return judge_held("slowdown", text, [held])


def _check_rows(report: Report, mean: float) -> Finding:
    """The rows of each device against the whole model; devices run at the same time."""
    longest = mean + 2 * (_configured(report, "Unprofiled std (us)") or 0.0) + _mean_half_step(mean)
    plain = mapped(repeats_of(report.configuration, _MEAN), lambda each: _MOST_OF_MEAN * each)
    of_devices = [rows_of(report, device) for device in report.device_metrics]
    held = [
        Held(
            sum(map(microseconds, rows)),
            max(longest, _MOST_OF_MEAN * mean),
            summed_repeats(rows, TIME),
            plain,
        )
        for rows in of_devices
    ]
    most = max(each.value for each in held)
    return judge_held(
        "rows against the unprofiled mean",
        f"their durations add up to {most / mean:.2f} of it",
        held,
    )


def _calls(rows: Sequence[Row]) -> int:
    """How many calls ``rows`` hold, at least one."""
    count = sum_columns(rows).get("Count")
    return max(count.value, 1) if isinstance(count, Count) else 1


def _mean_half_step(mean: float) -> float:
    return _MEAN_HALF_STEP_US if mean % 10 == 0 else 0.0


def _configured(report: Report, what: str) -> float | None:
    metric = report.configuration.get(what)
    return metric.microseconds if isinstance(metric, Duration) else None
