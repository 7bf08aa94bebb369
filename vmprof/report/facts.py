"""What has to be known of a run to read its numbers, and to believe them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vmprof.report.kinds import calls_of
from vmprof.report.model import Report
from vmprof.report.noise import spread_of
from vmprof.report.render.figures import short, short_time, three_digits
from vmprof.report.totals import in_no_row, longest_total, of_device
from vmprof.values import Count, Duration, Row


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
    """The numbers that every report begins with, as far as it has them."""
    totals = report.device_metrics.items()
    found = [
        Fact(
            of_device(report, "Total", device),
            _with_spread(row, "Duration (us)"),
            "a profiled run",
        )
        for device, row in totals
    ]
    found += _unprofiled(report)
    whole = longest_total(report)
    found += [
        Fact(
            of_device(report, "In no row", device),
            short_time(left),
            f"{three_digits(100 * left / whole)} % of Total; what no call explains",
        )
        for device, left in in_no_row(report).items()
    ]
    empty = report.configuration.get("Empty call (us)")
    if isinstance(empty, Duration):
        found.append(Fact("Empty call", short(empty), "the least that any call can show"))
    found += [
        Fact(
            of_device(report, "GFLOP/s", device), short(flops), "of the calls whose FLOPs are known"
        )
        for device, row in totals
        if (flops := row.get("GFLOP/s")) is not None
    ]
    threads = report.configuration.get("Number of threads")
    if isinstance(threads, Count):
        found.append(Fact("Threads", f"{threads.value:,}", "in TVM's pool"))
    repeats = report.configuration.get("Repeats")
    merged = len({(row.get("Name"), row.get("Argument Shapes")) for row in report.calls})
    note = f"of {merged:,} operators"
    if isinstance(repeats, Count):
        note += f", {repeats.value:,} repeats"
    found.append(Fact("Calls", f"{sum(map(calls_of, report.calls)):,}", note))
    return found


def _with_spread(row: Row, column: str) -> str:
    """``147 ms ±3 %``, as far as repeats tell."""
    spread = spread_of(row, column)
    return f"{short(row.get(column))} {spread.text}" if spread else short(row.get(column))


def _unprofiled(report: Report) -> list[Fact]:
    configuration = report.configuration
    mean = configuration.get("Unprofiled mean (us)")
    deviation = configuration.get("Unprofiled std (us)")
    if not isinstance(mean, Duration):
        return []
    note = "mean, in TVM's own VM"
    if isinstance(deviation, Duration):
        note = f"± {short(deviation)}; {note}"
    found = [Fact("Unprofiled", _with_spread(configuration, "Unprofiled mean (us)"), note)]
    total = longest_total(report)
    if total and 0 < mean.microseconds < math.inf:
        ratio = f"{total / mean.microseconds:.3g} x"
        found.append(Fact("Disturbance", ratio, "profiled over unprofiled"))
    return found
