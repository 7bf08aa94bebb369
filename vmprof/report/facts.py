"""What has to be known of a run to read its numbers, and to believe them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from vmprof.report.figures import short, three_digits
from vmprof.report.kinds import microseconds
from vmprof.report.model import SAMPLES_SUFFIX, Count, Duration, Report, Samples


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
        found.append(Fact("GFLOP/s", short(flops[0]), "of the calls whose operations are known"))
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
        if 0 < plain < math.inf:
            ratio = f"{totals[0] / plain:.3g} x"
            found.append(Fact("Disturbance", ratio, "profiled over unprofiled, of medians"))
    return found
