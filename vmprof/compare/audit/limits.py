"""Counts and rates that no machine can have, or not the one that the report is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vmprof.compare.audit.cost import Cost
from vmprof.compare.audit.finding import Finding, Held, Verdict, judge, judge_held, undecided
from vmprof.compare.audit.repeats import mapped, repeats_of
from vmprof.report.model import Report
from vmprof.report.roofs import PEAK_BANDWIDTH, PEAK_FLOPS
from vmprof.values import (
    INCLUSIVE_DURATION,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    is_inclusive,
)

TIME = "Duration (us)"
# Per microsecond and thread. No processor is sold that clocks higher than
# 6.2 GHz; the task clock runs at 1000 nanoseconds, with room for time and count
# being of different runs.
_MOST_PER_US = {"perf::CYCLES": 6500.0, "perf::TASK-CLOCK": 1250.0}
# The widest cores retire ten.
_MOST_INSTRUCTIONS_PER_CYCLE = 10.0
# What cannot stand still while an operator runs.
_NEVER_ZERO = ("perf::CYCLES", "perf::INSTRUCTIONS", "perf::TASK-CLOCK")
_LONG_ENOUGH_US = 1.0
# Peaks are measured, too.
_MOST_OF_PEAK = 1.1
# A core's nearest cache: four times 64 bytes in a cycle, at 6.2 GHz.
_MOST_GB_PER_SECOND = 1600.0
# Peaks are of float32; processors do more operations on smaller elements.
_SMALLER = ("int8", "float16", "float8", "float6", "float4", "int4")

_SIGMAS = 3.0


def check_limits(
    report: Report, rows: Sequence[Row], costs: Mapping[str, Cost], threads: int | None
) -> Iterator[Finding]:
    """Checks on merged ``rows``. A cost that the report declares is taken off first."""
    present = {name for row in rows for name, metric in row.items() if isinstance(metric, Count)}
    for event, most in _MOST_PER_US.items():
        if event in present:
            subject = f"{event} in the time"
            if threads is None:
                yield undecided(subject, "the report does not say how many threads there were")
            else:
                yield _check_rate(subject, rows, event, most * threads, costs.get(event))
    if {"perf::CYCLES", "perf::INSTRUCTIONS"} <= present:
        yield _check_ratio(rows, "perf::INSTRUCTIONS", "perf::CYCLES", _MOST_INSTRUCTIONS_PER_CYCLE)
    for event in sorted(name for name in present if name.startswith("perf::STALLED-CYCLES")):
        if "perf::CYCLES" in present and not is_inclusive(event):
            yield _check_ratio(rows, event, "perf::CYCLES", 1.0)
    for event in _NEVER_ZERO:
        if event in present:
            yield _check_zero(rows, event)
    for column, peak in (("GFLOP/s", PEAK_FLOPS), ("GB/s", PEAK_BANDWIDTH)):
        if any(column in row for row in rows):
            yield _check_peak(rows, column, report.configuration.get(peak), threads)


def _check_rate(
    subject: str, rows: Sequence[Row], event: str, most: float, cost: Cost | None
) -> Finding:
    allowed = 0.0  # per call, besides what its time allows
    if cost is not None and cost.declared is not None:
        allowed = cost.declared + _SIGMAS * max(cost.spread, cost.declared)
    # What reads the calls inside a call is none of theirs: it is in that call's row.
    windows = sum(count.value for row in rows if isinstance(count := row.get("Count"), Count))
    held: dict[int, Held] = {}
    for number, row in enumerate(rows):
        match row.get(event), row.get(TIME), row.get("Count", Count(1)):
            case Count(value), Duration(time), Count(calls):
                more = allowed * (windows if _has_calls_inside(row) else calls)

                def limit(time_us: float, more: float = more) -> float:
                    return more + most * time_us

                limits = mapped(repeats_of(row, TIME), limit)
                held[number] = Held(value, limit(time), repeats_of(row, event), limits)
    return _judge(subject, rows, held, f"hold more {event} than {most:,.0f} per us", event)


def _has_calls_inside(row: Row) -> bool:
    match row.get(INCLUSIVE_DURATION), row.get(TIME):
        case Duration(inclusive), Duration(own):
            return inclusive > own
    return False


def _check_ratio(rows: Sequence[Row], event: str, base: str, most: float) -> Finding:
    held: dict[int, Held] = {}
    for number, row in enumerate(rows):
        match row.get(event), row.get(base):
            case Count(value), Count(cycles):
                limits = mapped(repeats_of(row, base), lambda each: most * each)
                held[number] = Held(value, most * cycles, repeats_of(row, event), limits)
    return _judge(f"{event} per {base}", rows, held, f"hold more than {most:g} for each", event)


def _check_zero(rows: Sequence[Row], event: str) -> Finding:
    zeros = [
        row
        for row in rows
        if row.get(event) == Count(0)
        and isinstance(time := row.get(TIME), Duration)
        and time.microseconds >= _LONG_ENOUGH_US
    ]
    text = f"{len(zeros)} of {len(rows)} rows took time without any"
    if zeros:
        text += f", as {zeros[0].get('Name')!r}"
    sure = [row for row in zeros if _is_always_zero(row, event)]
    if zeros and not sure:
        return undecided(f"{event} at zero", f"{text}; not so in each repeat")
    return judge(f"{event} at zero", text, fails=bool(sure))


def _is_always_zero(row: Row, event: str) -> bool:
    return not any(repeats_of(row, event) or ()) and all(
        time >= _LONG_ENOUGH_US for time in repeats_of(row, TIME) or ()
    )


def _check_peak(
    rows: Sequence[Row], column: str, peak: Metric | None, threads: int | None
) -> Finding:
    """Rates against what the machine attained when ``vmprof peaks`` measured it."""
    subject = f"{column} of the peak"
    if column == "GB/s" and threads is not None:
        most = _MOST_GB_PER_SECOND * threads
        wrong = _judge(
            f"{column} at all",
            rows,
            _held_rates(rows, column, most),
            f"move more than the {most:,.0f} GB/s of the nearest cache",
            column,
        )
        if wrong.verdict is not Verdict.HOLDS:
            return wrong
    shares = {
        number: share
        for number, row in enumerate(rows)
        if (share := _share_of_peak(row, column, peak)) is not None
    }
    if not shares:
        return undecided(subject, "the report does not say what the machine attains: vmprof peaks")
    held = {
        number: _held_rate(rows[number], share, _MOST_OF_PEAK) for number, share in shares.items()
    }
    what = f"have more than {100 * _MOST_OF_PEAK:.0f} % of the peak {column}"
    finding = _judge(subject, rows, held, what, column)
    if finding.verdict is not Verdict.FAILS:
        return finding
    over = [rows[number] for number, each in held.items() if each.is_over]
    if column == "GB/s":
        return undecided(subject, f"{finding.text}; caches give more, or not all of it is moved")
    if all(_has_smaller(row) for row in over):
        return undecided(subject, f"{finding.text}; the peak is of float32")
    return finding


def _share_of_peak(row: Row, column: str, peak: Metric | None) -> float | None:
    match row.get(column), peak, row.get(f"% of peak {column}"):
        case Ratio(rate), Ratio(most), _ if most > 0:
            return rate / most
        case _, _, Percent(percent):
            return percent / 100
    return None


def _held_rates(rows: Sequence[Row], column: str, most: float) -> dict[int, Held]:
    return {
        number: _held_rate(row, rate.ratio, most)
        for number, row in enumerate(rows)
        if isinstance(rate := row.get(column), Ratio)
    }


def _held_rate(row: Row, rate: float, most: float) -> Held:
    """A rate goes as the reciprocal of the time that each repeat took."""
    time, times = row.get(TIME), repeats_of(row, TIME)
    if not isinstance(time, Duration) or times is None:
        return Held(rate, most)
    rates = tuple(rate * time.microseconds / each for each in times if each > 0)
    return Held(rate, most, rates, (most,) * len(rates))


def _has_smaller(row: Row) -> bool:
    return any(name in str(row.get("Argument Shapes", "")) for name in _SMALLER)


def _judge(
    subject: str, rows: Sequence[Row], held: Mapping[int, Held], what: str, column: str
) -> Finding:
    wrong = {number: each for number, each in held.items() if each.is_over}
    text = f"{len(wrong)} of {len(rows)} rows {what}"
    if wrong:
        worst = rows[max(wrong, key=lambda number: wrong[number].value - wrong[number].limit)]
        match worst.get(column), worst.get(TIME):
            case Count(value), Duration(time):
                text += f"; {worst.get('Name')}: {value:,} in {time:,.2f} us"
            case Ratio(rate), _:
                text += f"; {worst.get('Name')}: {rate:,.0f}"
    return judge_held(subject, text, [*held.values()])
