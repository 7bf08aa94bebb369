"""Does a report add up: Sum, Percent, Count, rows against Total, and what is in no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vmprof.compare.audit.finding import Finding, Held, judge, judge_held, undecided
from vmprof.compare.audit.repeats import mapped, repeats_of, summed_repeats
from vmprof.report.aggregate import sum_columns
from vmprof.report.balance import imbalance
from vmprof.report.model import Report
from vmprof.report.render.table import format_metric
from vmprof.report.totals import longest_total, rows_of
from vmprof.values import INCLUSIVE, Count, Duration, Metric, Percent, Row, is_inclusive

TIME = "Duration (us)"
# Times and counts of a row and of Total may come from different runs.
_ROOM = 1.05
# TVM's CSV has six significant digits.
_DIGITS = 1e-5
# Reports that say how they estimate take all rows and Total from the same runs.
ADDS_UP = "Estimator"


def check_arithmetic(report: Report, printed_sum: Row | None) -> Iterator[Finding]:
    yield _check_counts(report.calls)
    yield _check_percent(report)
    if printed_sum is not None:
        yield _check_sum(report.calls, printed_sum)
    yield from _check_inclusive(report.calls)
    yield from _check_totals(report)
    yield from _check_in_no_row(report)


def half_step(values: Iterable[float]) -> float:
    """By how much numbers are rounded: half a hundredth if all have two decimals, else 0."""
    return 0.005 if all(round(value, 2) == value for value in values) else 0.0


def rounding(report: Report) -> float:
    """By how many microseconds rows and a Total may fail to add up, being rounded one by one."""
    total = longest_total(report)
    step = half_step([*_numbers(report.calls), *_numbers(report.device_metrics.values())])
    return 1.001 * step * (len(report.calls) + 2) + _DIGITS * total


def _check_counts(calls: Sequence[Row]) -> Finding:
    wrong = [
        row for row in calls if not isinstance(count := row.get("Count"), Count) or count.value < 1
    ]
    text = f"{len(calls) - len(wrong)} of {len(calls)} rows say how many calls they hold"
    return judge("Count", text, fails=bool(wrong))


def _check_percent(report: Report) -> Finding:
    """Each Percent against Duration and the longest Total."""
    whole = longest_total(report)
    step = half_step(_numbers(report.calls))
    wrong: list[Row] = []
    checked = 0
    for row in report.calls:
        match row.get("Percent"), row.get(TIME):
            case Percent(percent), Duration(time) if whole > 0:
                checked += 1
                share = 100 * time / whole
                room = half_step([percent]) + (100 + share) * step / whole + _DIGITS * share
                if abs(percent - share) > room:
                    wrong.append(row)
    if not checked:
        return undecided("Percent", "no row has both Percent and a Total")
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


def _check_inclusive(calls: Sequence[Row]) -> Iterator[Finding]:
    """What includes the calls inside is no less than what does not."""
    columns = {name for row in calls for name in row if is_inclusive(name)}
    if not columns:
        return
    own = {name: name.replace(INCLUSIVE, "") for name in columns}
    less = [
        f"{row.get('Name')} has {format_metric(row[name])} {name}, {format_metric(row[own[name]])} "
        "of its own"
        for row in calls
        for name in sorted(columns & row.keys())
        if own[name] in row and _value(row[name]) < _value(row[own[name]]) - 0.01
    ]
    yield judge(
        "incl.", "; ".join(less[:1]) or "no row includes less than itself", fails=bool(less)
    )


def _check_totals(report: Report) -> Iterator[Finding]:
    """No device's rows may exceed its Total."""
    if not report.device_metrics:
        yield undecided("Total", "the report has no Total")
    derived = {entry.column for entry in report.derived}
    for device, total in report.device_metrics.items():
        rows = rows_of(report, device)
        summed = sum_columns(rows)
        held = {
            name: _held(report, rows, total, name, _value(summed[name]))
            for name, metric in total.items()
            if isinstance(metric, Count | Duration)
            and name not in {"Count", *derived}
            and name in summed
        }
        more = [
            f"rows hold {format_metric(summed[name])} {name}, Total {format_metric(total[name])}"
            for name, each in held.items()
            if each.is_over or _value(summed[name]) - _value(total[name]) > rounding(report)
        ]
        text = "; ".join(more) or "the rows do not exceed it"
        if more and not any(each.is_over for each in held.values()):
            text += ": no more than rows and Total of different runs may differ by"
        yield judge_held(f"Total of {device}" if device else "Total", text, [*held.values()])


def _held(report: Report, rows: Sequence[Row], total: Row, column: str, summed: float) -> Held:
    """What rows have of a column, compared with Total."""
    whole = _value(total[column])
    if column == TIME and ADDS_UP in report.configuration:
        return Held(summed, whole + rounding(report))
    # Of events that hardly happen, each row may have had one that Total had not.
    more = len(rows) if isinstance(total[column], Count) else 0
    return Held(
        summed,
        _ROOM * whole + more,
        summed_repeats(rows, column),
        mapped(repeats_of(total, column), lambda value: _ROOM * value + more),
    )


def _check_in_no_row(report: Report) -> Iterator[Finding]:
    """Sum and what the report says is in no row make up Total, of each column."""
    differences = imbalance(report)
    if not differences:
        return
    (total,) = report.device_metrics.values()
    wrong = [
        f"of {column} they are {-difference:+,.2f} from Total"
        for column, difference in differences.items()
        if abs(difference) > (0 if isinstance(total[column], Count) else rounding(report))
    ]
    subject = "Sum and In no row"
    text = "; ".join(wrong) or f"they make up Total, of {len(differences)} columns"
    if wrong and ADDS_UP not in report.configuration:
        yield undecided(subject, f"{text}; a median of each, which need not add up")
    else:
        yield judge(subject, text, fails=bool(wrong))


def _room(metric: Metric, step: float, calls: Sequence[Row]) -> float:
    return 0.0 if isinstance(metric, Count) else step * (len(calls) + 1) * 1.001


def _numbers(rows: Iterable[Row]) -> list[float]:
    return [metric.microseconds for row in rows if isinstance(metric := row.get(TIME), Duration)]


def _value(metric: Metric) -> float:
    match metric:
        case Count(number) | Duration(number) | Percent(number):
            return number
    return 0.0
