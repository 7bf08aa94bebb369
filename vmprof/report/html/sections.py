"""The parts of the page that say something of the run as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from vmprof.report.aggregate import sum_columns
from vmprof.report.figures import short, short_time, three_digits
from vmprof.report.kinds import kind_of, kinds, microseconds
from vmprof.report.model import SAMPLES_SUFFIX, Count, Duration, Report, Row, Samples
from vmprof.report.table import format_metric

_MOST_KINDS = 14


@dataclass(frozen=True)
class Fact:
    """A number that the page begins with, and what it means."""

    name: str
    value: str
    note: str


def title_of(report: Report) -> str:
    model = report.configuration.get("Model")
    devices = ", ".join(report.device_metrics)
    return " on ".join(part for part in (model, devices) if isinstance(part, str) and part)


def facts(report: Report) -> list[Fact]:
    """What has to be known to read, and to believe, the rest."""
    found = [
        Fact(
            f"Total, {device}" if len(report.device_metrics) > 1 else "Total",
            short(row.get("Duration (us)")),
            "one profiled run, in median",
        )
        for device, row in report.device_metrics.items()
    ]
    found += _unprofiled(report)
    left = report.configuration.get("In no row (us)")
    if isinstance(left, Duration):
        total = sum(microseconds(row) for row in report.device_metrics.values())
        share = f"{three_digits(100 * left.microseconds / total)} % of Total; " if total else ""
        found.append(Fact("In no row", short(left), f"{share}what no call explains"))
    empty = report.configuration.get("Empty call (us)")
    if isinstance(empty, Duration):
        found.append(Fact("Empty call", short(empty), "the least that any call can show"))
    flops = [row.get("GFLOP/s") for row in report.device_metrics.values()]
    if flops and flops[0] is not None:
        found.append(Fact("GFLOP/s", short(flops[0]), "of the run as a whole"))
    threads = report.configuration.get("Number of threads")
    if isinstance(threads, Count):
        found.append(Fact("Threads", f"{threads.value:,}", "in TVM's pool"))
    repeats = report.configuration.get("Repeats")
    merged = len({(row.get("Name"), row.get("Argument Shapes")) for row in report.calls})
    note = f"of {merged:,} operators"
    if isinstance(repeats, Count):
        note += f", {repeats.value:,} repeats"
    found.append(Fact("Calls", f"{len(report.calls):,}", note))
    return found


def _unprofiled(report: Report) -> list[Fact]:
    configuration = report.configuration
    mean = configuration.get("Unprofiled mean (us)")
    deviation = configuration.get("Unprofiled std (us)")
    if not isinstance(mean, Duration):
        return []
    note = "mean, in TVM's own VM"
    if isinstance(deviation, Duration):
        note = f"± {short(deviation)}; {note}"
    found = [Fact("Unprofiled", short(mean), note)]
    samples = configuration.get(f"Unprofiled mean (us){SAMPLES_SUFFIX}")
    totals = [microseconds(row) for row in report.device_metrics.values()]
    if isinstance(samples, Samples) and samples.values and len(totals) == 1:
        plain = median(samples.values)
        if plain > 0:
            ratio = f"{totals[0] / plain:.3g} ×"
            found.append(Fact("Disturbance", ratio, "profiled over unprofiled, of medians"))
    return found


@dataclass(frozen=True)
class Bar:
    """A kind of operator: ``length`` is 100 for the longest; ``share`` of all, in percent."""

    name: str
    colour: int | None
    time: str
    share: str
    calls: str
    length: float


def kind_bars(report: Report, colours: Mapping[str, int]) -> list[Bar]:
    """Time by kind, longest first; what does not fit makes up the last one."""
    found = kinds(report.calls)
    total = sum(kind.microseconds for kind in found) or 1.0
    longest = found[0].microseconds if found else 0.0
    shown = [(k.name, k.microseconds, k.calls) for k in found[:_MOST_KINDS]]
    rest = found[_MOST_KINDS:]
    if rest:
        title = f"{len(rest)} more kinds"
        shown.append((title, sum(k.microseconds for k in rest), sum(k.calls for k in rest)))
    return [
        Bar(
            name,
            colours.get(name),
            short_time(time),
            f"{100 * time / total:.1f}",
            f"{calls:,}",
            100 * time / (longest or 1.0),
        )
        for name, time, calls in shown
    ]


@dataclass(frozen=True)
class Shares:
    """How everything that adds up divides into kinds: ``rows`` have a percentage per column."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | None]]]


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
    rows = [
        (
            kind.name,
            [
                None if (value := sums[kind.name].get(column)) is None
                else 100 * value / totals[column]
                for column in columns
            ],
        )
        for kind in kinds(report.calls)[:_MOST_KINDS]
    ]
    return Shares([column.removeprefix("perf::") for column in columns], rows)


def _numbers(row: Row) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for column, metric in row.items():
        match metric:
            case Count(number) | Duration(number):
                numbers[column] = number
    return numbers


def settings(report: Report) -> list[tuple[str, str]]:
    """The configuration, as the table has it."""
    return [
        (name, format_metric(metric))
        for name, metric in report.configuration.items()
        if not isinstance(metric, Samples)
    ]
