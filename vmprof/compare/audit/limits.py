"""Counts that no machine can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from vmprof.compare.audit.cost import Cost
from vmprof.compare.audit.finding import Finding, judge, unknown
from vmprof.report.model import Count, Duration, Row

# Per microsecond and thread. No processor is sold that clocks higher than
# 6.2 GHz; the task clock runs at 1000 nanoseconds, with room for time and count
# being of different runs.
_MOST_PER_US = {"perf::CYCLES": 6500.0, "perf::TASK-CLOCK": 1250.0}
# The widest cores retire ten.
_MOST_INSTRUCTIONS_PER_CYCLE = 10.0
# What cannot stand still while an operator runs.
_NEVER_ZERO = ("perf::CYCLES", "perf::INSTRUCTIONS", "perf::TASK-CLOCK")
_LONG_ENOUGH_US = 1.0

_SIGMAS = 3.0


def check_limits(
    rows: Sequence[Row], costs: Mapping[str, Cost], threads: int | None
) -> Iterator[Finding]:
    """Checks on merged ``rows``. A cost that the report declares is taken off first."""
    present = {name for row in rows for name, metric in row.items() if isinstance(metric, Count)}
    for event, most in _MOST_PER_US.items():
        if event in present:
            subject = f"{event} in the time"
            if threads is None:
                yield unknown(subject, "the report does not say how many threads there were")
            else:
                yield _check_rate(subject, rows, event, most * threads, costs.get(event))
    if {"perf::CYCLES", "perf::INSTRUCTIONS"} <= present:
        yield _check_ratio(rows, "perf::INSTRUCTIONS", "perf::CYCLES", _MOST_INSTRUCTIONS_PER_CYCLE)
    for event in sorted(name for name in present if name.startswith("perf::STALLED-CYCLES")):
        if "perf::CYCLES" in present:
            yield _check_ratio(rows, event, "perf::CYCLES", 1.0)
    for event in _NEVER_ZERO:
        if event in present:
            yield _check_zero(rows, event)


def _check_rate(
    subject: str, rows: Sequence[Row], event: str, most: float, cost: Cost | None
) -> Finding:
    allowed = 0.0  # per call, besides what its time allows
    if cost is not None and cost.declared is not None:
        allowed = cost.declared + _SIGMAS * max(cost.spread, cost.declared)

    def excess(row: Row) -> float:
        match row.get(event), row.get("Duration (us)"), row.get("Count", Count(1)):
            case Count(value), Duration(time), Count(calls):
                return value - allowed * calls - most * time
        return 0.0

    return _report(subject, rows, excess, f"{event} than {most:,.0f} per us", event)


def _check_ratio(rows: Sequence[Row], event: str, base: str, most: float) -> Finding:
    def excess(row: Row) -> float:
        match row.get(event), row.get(base):
            case Count(value), Count(cycles):
                return value - most * cycles
        return 0.0

    return _report(f"{event} per {base}", rows, excess, f"than {most:g} for each", event)


def _check_zero(rows: Sequence[Row], event: str) -> Finding:
    zeros = [
        row
        for row in rows
        if row.get(event) == Count(0)
        and isinstance(time := row.get("Duration (us)"), Duration)
        and time.microseconds >= _LONG_ENOUGH_US
    ]
    text = f"{len(zeros)} of {len(rows)} rows took time without any"
    if zeros:
        text += f", as {zeros[0].get('Name')!r}"
    return judge(f"{event} at zero", text, fails=bool(zeros))


def _report(
    subject: str, rows: Sequence[Row], excess: Callable[[Row], float], what: str, event: str
) -> Finding:
    wrong = [row for row in rows if excess(row) > 0]
    text = f"{len(wrong)} of {len(rows)} rows hold more {what}"
    if wrong:
        worst = max(wrong, key=excess)
        match worst.get(event), worst.get("Duration (us)"):
            case Count(value), Duration(time):
                text += f"; {worst.get('Name')}: {value:,} in {time:,.2f} us"
    return judge(subject, text, fails=bool(wrong))
