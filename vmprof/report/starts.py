"""Several starts of a program as one report, and back.

What differs from start to start (where memory lies, what else runs meanwhile) differs more than
what differs from repeat to repeat. So a report of several starts keeps what each of them
measured: a value is the mean over the starts, in ``"X per start"`` are those of each start, in
``"X samples"`` the repeats of all, one start after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import fmean, stdev

from vmprof.report.aggregate import combine, merge_key
from vmprof.report.balance import in_no_row_of
from vmprof.report.columnwise import column_names, number
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.report.totals import longest_total
from vmprof.values import (
    PER_START_SUFFIX,
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    TASKS,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)

STARTS = "Starts"
_REPEATS = f"Repeats{PER_START_SUFFIX}"
_NOT_MEASURED = (SAMPLES_SUFFIX, PER_START_SUFFIX)


def joined(reports: Sequence[Report]) -> Report:
    """``reports`` of one program, each of one start or already of several, as one.

    The calls are those that any start made; one that a start did not make took nothing there.
    A column that one start could not count is in none. What is said of one run alone, such as
    when its calls were, is that of the first start.
    """
    starts = [start for report in reports for start in starts_of(report)]
    first = starts[0]
    if len(starts) == 1:
        return first
    missing = {name: reason for start in starts for name, reason in start.missing.items()}
    left_out = {*missing, *(entry.column for entry in first.derived)}
    devices = [*dict.fromkeys(device for start in starts for device in start.device_metrics)]
    totals = {
        device: _joined_row([start.device_metrics.get(device) for start in starts], left_out)
        for device in devices
    }
    configuration = _joined_settings(starts)
    aligned, note = _aligned([start.calls for start in starts])
    calls = [_joined_row(rows, left_out) for rows in aligned]
    if note is not None:
        said = configuration.get("Note")
        configuration["Note"] = f"{said}; {note}" if isinstance(said, str) and said else note
    if len(totals) == 1:
        _round_counts(calls, totals[devices[0]], configuration, len(starts))
    report = Report(
        tuple(calls),
        totals,
        configuration,
        missing,
        provenance=first.provenance,
        samples=first.samples,
        code=first.code,
    )
    return _with_shares(derive(report, first.derived))


def starts_of(report: Report) -> list[Report]:
    """The reports that :func:`joined` made ``report`` of, but for what it kept of the first alone.

    ``report`` itself if it is of one start.
    """
    number_of_starts = report.configuration.get(STARTS)
    if not isinstance(number_of_starts, Count) or number_of_starts.value < 2:
        return [report]
    repeats = report.configuration.get(_REPEATS)
    lengths = [*map(int, repeats.values)] if isinstance(repeats, Samples) else []
    found = []
    for index in range(number_of_starts.value):
        row_of = _row_of_start(index, number_of_starts.value, lengths)
        start = replace(
            report,
            calls=tuple(map(row_of, report.calls)),
            device_metrics={name: row_of(row) for name, row in report.device_metrics.items()},
            configuration={
                name: metric
                for name, metric in row_of(report.configuration).items()
                if name not in (STARTS, _REPEATS)
            },
        )
        found.append(_with_shares(derive(start, report.derived)))
    return found


def per_start(row: Row, column: str) -> tuple[float, ...]:
    """What each start measured of ``column``; nothing in a report of one start."""
    metric = row.get(f"{column}{PER_START_SUFFIX}")
    return metric.values if isinstance(metric, Samples) else ()


def _row_of_start(index: int, starts: int, lengths: Sequence[int]) -> Callable[[Row], Row]:
    end = [*accumulate(lengths)]

    def row_of(row: Row) -> Row:
        cells: dict[str, Metric] = {}
        for name, metric in row.items():
            if name.endswith(PER_START_SUFFIX):
                continue
            values = per_start(row, name)
            if len(values) == starts:
                cells[name] = _like(metric, values[index])
            elif name.endswith(SAMPLES_SUFFIX) and isinstance(metric, Samples):
                if len(lengths) == starts and len(metric.values) == end[-1]:
                    begin = end[index] - lengths[index]
                    cells[name] = Samples(metric.values[begin : end[index]])
            else:
                cells[name] = metric
        return cells

    return row_of


def _aligned(starts: Sequence[Sequence[Row]]) -> tuple[list[list[Row | None]], str | None]:
    """For each call its row in each start, and what is to be said of calls not made in all."""
    found: dict[tuple[Metric | int | None, ...], list[Row | None]] = {}
    for index, calls in enumerate(starts):
        times: dict[tuple[Metric | None, ...], int] = {}
        for call in calls:
            key = merge_key(call, by_path=True)
            times[key] = times.get(key, 0) + 1
            rows = found.setdefault((*key, times[key]), [None] * len(starts))
            rows[index] = call
    some = sum(None in rows for rows in found.values())
    note = f"{some:,} of {len(found):,} calls were not made in every start; they count as 0 there"
    return [*found.values()], note if some else None


def _joined_row(rows: Sequence[Row | None], left_out: set[str]) -> dict[str, Metric]:
    present = [row for row in rows if row is not None]
    cells: dict[str, Metric] = {}
    for name in column_names(present):
        base = name
        for suffix in _NOT_MEASURED:
            base = base.removesuffix(suffix)
        if base in left_out:
            continue
        metrics = [None if row is None else row.get(name) for row in rows]
        if name in (WINDOW, TASKS):
            cells[name] = next(metric for metric in metrics if metric is not None)
        elif name.endswith(PER_THREAD_SUFFIX):
            cells[name] = _mean_of_parts(metrics)
        elif name.endswith(SAMPLES_SUFFIX):
            cells[name] = Samples(tuple(_all_samples(metrics)))
        else:
            repeated = any(f"{name}{SAMPLES_SUFFIX}" in row for row in present)
            cells |= _joined_cell(name, metrics, may_vary=repeated)
    return cells


def _joined_cell(
    name: str, metrics: Sequence[Metric | None], *, may_vary: bool
) -> dict[str, Metric]:
    present = [metric for metric in metrics if metric is not None]
    if any(number(metric) is None for metric in present):
        return {name: _texts_as_one(present)}
    if not may_vary and all(metric == present[0] for metric in present):
        return {name: present[0]}
    return _with_per_start(name, metrics)


def _with_per_start(name: str, metrics: Sequence[Metric | None]) -> dict[str, Metric]:
    present = next(metric for metric in metrics if metric is not None)
    values = tuple(float(number(metric) or 0.0) for metric in metrics)
    return {
        name: _like(present, fmean(values)),
        f"{name}{PER_START_SUFFIX}": Samples(values),
    }


def _texts_as_one(metrics: Sequence[Metric]) -> Metric:
    """What they say if they say the same, else each in turn."""
    texts = dict.fromkeys(metric for metric in metrics if isinstance(metric, str))
    if len(texts) > 1 and len(texts) == len({*metrics}):
        return " | ".join(texts)
    return combine(metrics)


def _all_samples(metrics: Sequence[Metric | None]) -> Iterator[float]:
    for metric in metrics:
        if isinstance(metric, Samples):
            yield from metric.values


def _mean_of_parts(metrics: Sequence[Metric | None]) -> Samples:
    """Thread by thread; a thread that a start did not have did nothing there."""
    parts = [metric.values if isinstance(metric, Samples) else () for metric in metrics]
    threads = max(map(len, parts))
    padded = [[*each, *[0.0] * (threads - len(each))] for each in parts]
    return Samples(tuple(map(fmean, zip(*padded, strict=True))))


def _joined_settings(starts: Sequence[Report]) -> dict[str, Metric]:
    settings = [start.configuration for start in starts]
    found: dict[str, Metric] = {}
    for name in column_names(settings):
        metrics = [each.get(name) for each in settings]
        present = [metric for metric in metrics if metric is not None]
        if isinstance(present[0], Samples):
            found[name] = Samples(tuple(_all_samples(metrics)))
        elif all(metric == present[0] for metric in present):
            found[name] = present[0]
        elif None not in metrics and None not in map(number, present):
            found |= _with_per_start(name, metrics)
        else:
            found[name] = _texts_as_one(present)
    times = found.get(f"Unprofiled mean (us){SAMPLES_SUFFIX}")
    if isinstance(times, Samples) and len(times.values) > 1:
        found["Unprofiled std (us)"] = Duration(stdev(times.values))
        found.pop(f"Unprofiled std (us){PER_START_SUFFIX}", None)
    repeats = [number(each.get("Repeats")) for each in settings]
    if None not in repeats:
        found[_REPEATS] = Samples(tuple(float(count or 0) for count in repeats))
        found["Repeats"] = Count(int(sum(count or 0 for count in repeats)))
    found[STARTS] = Count(len(starts))
    return found


def _round_counts(
    calls: Sequence[dict[str, Metric]],
    total: dict[str, Metric],
    configuration: dict[str, Metric],
    starts: int,
) -> None:
    """Means of counts as whole numbers that still add up: what is in no row, the rows, Total."""
    for column, metric in total.items():
        outside = in_no_row_of(column)
        if not isinstance(metric, Count) or outside not in configuration:
            continue
        rows = [call for call in calls if isinstance(call.get(column), Count)]
        parts = [_sum_of(configuration, outside, starts)]
        parts += [_sum_of(row, column, starts) for row in rows]
        ends = [(2 * edge + starts) // (2 * starts) for edge in accumulate(parts)]
        configuration[outside] = Count(ends[0])
        for row, begin, end in zip(rows, ends, ends[1:], strict=False):
            row[column] = Count(end - begin)
        total[column] = Count(ends[-1])


def _sum_of(row: Row, column: str, starts: int) -> int:
    values = per_start(row, column)
    return int(sum(values)) if values else int(starts * (number(row.get(column)) or 0))


def _with_shares(report: Report) -> Report:
    """Percent anew: of Total."""
    whole = longest_total(report)
    if not whole or not any("Percent" in call for call in report.calls):
        return report
    calls = tuple(
        {**_without(call, f"Percent{PER_START_SUFFIX}"), "Percent": _share(call, whole)}
        if "Percent" in call
        else call
        for call in report.calls
    )
    return replace(report, calls=calls)


def _share(call: Row, whole: float) -> Percent:
    return Percent(100 * (number(call.get("Duration (us)")) or 0.0) / whole)


def _without(row: Row, column: str) -> Mapping[str, Metric]:
    return {name: metric for name, metric in row.items() if name != column}


def _like(metric: Metric, value: float) -> Metric:
    """``value`` as what ``metric`` is."""
    match metric:
        case Count():
            return Count(round(value))
        case Duration():
            return Duration(value)
        case Percent():
            return Percent(value, metric.is_lone)
        case Ratio():
            return Ratio(value, metric.is_lone)
    return metric
