"""The parts of the page that show how time and counters divide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.report.aggregate import sum_columns
from vmprof.report.kinds import kind_of, kinds
from vmprof.report.model import Report
from vmprof.report.render.figures import short_time
from vmprof.report.render.names import shortened
from vmprof.report.render.table import format_metric
from vmprof.report.totals import longest_total
from vmprof.values import Count, Duration, Metric, Row, Samples

_MOST_KINDS = 14
_NAME_WIDTH = 60  # characters
_MOST = 1e24  # what is more has not been counted


@dataclass(frozen=True)
class Bar:
    """A kind of operator: ``length`` is 100 for the longest; ``share`` of Total, in percent."""

    name: str
    short: str
    colour: int | None
    time: str
    share: str
    calls: str
    length: float


def kind_bars(report: Report, colours: Mapping[str, int]) -> list[Bar]:
    """Time by kind, longest first; what does not fit makes up the last one."""
    found = kinds(report.calls)
    total = longest_total(report) or sum(kind.microseconds for kind in found) or 1.0
    longest = found[0].microseconds if found else 0.0
    shown = [(k.name, k.microseconds, k.calls) for k in found[:_MOST_KINDS]]
    rest = found[_MOST_KINDS:]
    if rest:
        title = f"{len(rest)} more kinds"
        shown.append((title, sum(k.microseconds for k in rest), sum(k.calls for k in rest)))
    names = shortened([name for name, _, _ in shown], _NAME_WIDTH)
    return [
        Bar(
            name,
            short_name,
            colours.get(name),
            short_time(time),
            f"{100 * time / total:.1f}",
            f"{calls:,}",
            100 * time / (longest or 1.0),
        )
        for short_name, (name, time, calls) in zip(names, shown, strict=True)
    ]


@dataclass(frozen=True)
class Shares:
    """How everything that adds up divides into kinds.

    ``rows`` have a kind, its name in little room, and a percentage per column.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[float | None]]]


def counter_shares(report: Report) -> Shares:
    """Each counter's shares by kind, of the kinds that take longest; empty without counters."""
    by_kind: dict[str, list[Row]] = {}
    for call in report.calls:
        by_kind.setdefault(kind_of(call), []).append(call)
    sums = {name: _numbers(sum_columns(rows)) for name, rows in by_kind.items()}
    all_columns = dict.fromkeys(column for numbers in sums.values() for column in numbers)
    totals = {
        column: sum(numbers.get(column, 0.0) for numbers in sums.values()) for column in all_columns
    }
    columns = [column for column, total in totals.items() if total > 0 and column != "Count"]
    if len(columns) < 2:  # time alone
        return Shares((), ())
    longest = kinds(report.calls)[:_MOST_KINDS]
    names = shortened([kind.name for kind in longest], _NAME_WIDTH)
    rows = [
        (
            kind.name,
            short_name,
            [
                None
                if (value := sums[kind.name].get(column)) is None
                else 100 * value / totals[column]
                for column in columns
            ],
        )
        for kind, short_name in zip(longest, names, strict=True)
    ]
    return Shares([column.removeprefix("perf::") for column in columns], rows)


def _numbers(row: Row) -> dict[str, float]:
    """What can be divided into shares."""
    numbers: dict[str, float] = {}
    for column, metric in row.items():
        match metric:
            case Count(number) | Duration(number) if 0 <= number < _MOST:
                numbers[column] = number
    return numbers


def lines_of(settings: Mapping[str, Metric]) -> list[tuple[str, str]]:
    """Names and values, as the table has them."""
    return [
        (name, format_metric(metric))
        for name, metric in settings.items()
        if not isinstance(metric, Samples)
    ]
