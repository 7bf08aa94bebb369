"""Does a report add up: Sum, Percent, Count, and rows against Total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from vmprof.compare.audit.finding import Finding, judge, unknown
from vmprof.report.aggregate import sum_columns
from vmprof.report.model import Count, Duration, Metric, Percent, Report, Row
from vmprof.report.table import format_metric

# Times and counts of a row and of Total may come from different runs.
_ROOM = 1.05
# TVM's CSV has six significant digits.
_DIGITS = 1e-5


def check_arithmetic(report: Report, printed_sum: Row | None) -> Iterator[Finding]:
    calls, totals = report.calls, report.device_metrics
    yield _check_counts(calls)
    yield _check_percent(calls, totals)
    if printed_sum is not None:
        yield _check_sum(calls, printed_sum)
    derived = {entry.column for entry in report.derived}
    yield from _check_totals(calls, totals, derived)


def half_step(values: Iterable[float]) -> float:
    """By how much numbers are rounded: half a hundredth if all have two decimals, else 0."""
    return 0.005 if all(round(value, 2) == value for value in values) else 0.0


def _check_counts(calls: Sequence[Row]) -> Finding:
    wrong = [
        row for row in calls if not isinstance(count := row.get("Count"), Count) or count.value < 1
    ]
    text = f"{len(calls) - len(wrong)} of {len(calls)} rows say how many calls they hold"
    return judge("Count", text, fails=bool(wrong))


def _check_percent(calls: Sequence[Row], totals: Mapping[str, Row]) -> Finding:
    """Each Percent against Duration and the Total of the row's device."""
    step = half_step(_numbers(calls))
    wrong: list[Row] = []
    checked = 0
    for row in calls:
        total = totals.get(str(row.get("Device", "")), {}).get("Duration (us)")
        match row.get("Percent"), row.get("Duration (us)"), total:
            case Percent(percent), Duration(time), Duration(whole) if whole > 0:
                checked += 1
                share = 100 * time / whole
                room = half_step([percent]) + (100 + share) * step / whole + _DIGITS * share
                if abs(percent - share) > room:
                    wrong.append(row)
    if not checked:
        return unknown("Percent", "no row has both Percent and a Total")
    text = f"{checked - len(wrong)} of {checked} rows are their share of Total"
    if wrong:
        text += f"; not so {wrong[0].get('Name')!r}"
    return judge("Percent", text, fails=bool(wrong))


def _check_sum(calls: Sequence[Row], printed: Row) -> Finding:
    """The line Sum that was printed against the rows, which are rounded one by one."""
    step = half_step(_numbers(calls))
    summed = sum_columns(calls)
    wrong = [
        f"{name} is {format_metric(metric)}, the rows give {format_metric(summed.get(name))}"
        for name, metric in printed.items()
        if not isinstance(summed.get(name, ""), str)  # or it does not add up
        and abs(_value(metric) - _value(summed[name])) > _room(metric, step, calls)
    ]
    text = "; ".join(wrong) or f"{len(summed)} columns are the sum of their rows"
    return judge("Sum", text, fails=bool(wrong))


def _check_totals(
    calls: Sequence[Row], totals: Mapping[str, Row], derived: set[str]
) -> Iterator[Finding]:
    """No device's rows may exceed its Total."""
    if not totals:
        yield unknown("Total", "the report has no Total")
    for device, total in totals.items():
        rows = [row for row in calls if str(row.get("Device", "")) == device]
        summed = sum_columns(rows)
        wrong = [
            f"rows hold {format_metric(summed[name])} {name}, Total {format_metric(metric)}"
            for name, metric in total.items()
            if isinstance(metric, Count | Duration)
            and name not in {"Count", *derived}
            and name in summed
            and _value(summed[name]) > _most(metric, len(rows))
        ]
        text = "; ".join(wrong) or "the rows do not exceed it"
        yield judge(f"Total of {device}" if device else "Total", text, fails=bool(wrong))


def _most(total: Count | Duration, rows: int) -> float:
    # Of events that hardly happen, each row may have had one that Total had not.
    return _ROOM * _value(total) + (rows if isinstance(total, Count) else 0)


def _room(metric: Metric, step: float, calls: Sequence[Row]) -> float:
    return 0.0 if isinstance(metric, Count) else step * (len(calls) + 1) * 1.001


def _numbers(calls: Sequence[Row]) -> list[float]:
    return [
        metric.microseconds
        for row in calls
        if isinstance(metric := row.get("Duration (us)"), Duration)
    ]


def _value(metric: Metric) -> float:
    match metric:
        case Count(number) | Duration(number) | Percent(number):
            return number
    return 0.0
