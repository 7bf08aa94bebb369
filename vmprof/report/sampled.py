"""What samples add to a report: a column, and what is said of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from vmprof.report.balance import in_no_row_of
from vmprof.report.model import Report
from vmprof.sampling.model import IN_NO_CALL, Sampled
from vmprof.values import Count, Metric

SAMPLES = "Samples"


def add_samples(report: Report, sampled: Sampled) -> Report:
    """``report``, of one device, with ``sampled`` and the column of how many each row has."""
    counts: Counter[int] = Counter()
    for hit in sampled.hits:
        counts[hit.call] += hit.samples
    facts: dict[str, Metric] = {in_no_row_of(SAMPLES): Count(counts[IN_NO_CALL])}
    if sampled.lost:
        facts["Samples lost"] = (
            f"{sampled.lost:,} of {sampled.lost + sampled.total:,} found no room in the ring "
            "buffer; take fewer with --sample-rate, or allow larger ones: sudo sysctl "
            "kernel.perf_event_mlock_kb=16384"
        )
    if sampled.others:
        threads = len({hit.thread for hit in sampled.others})
        facts["Samples of other threads"] = (
            f"{sum(hit.samples for hit in sampled.others):,} of {threads} that are not TVM's, and "
            "in no row: where they were meanwhile is in vmprof flame"
        )
    if sampled.throttled:
        facts["Samples throttled"] = (
            f"{sampled.throttled:,} times the kernel paused, as samples came too fast; take fewer "
            "with --sample-rate"
        )
    return replace(
        report,
        calls=tuple(
            {**row, SAMPLES: Count(counts[number])} for number, row in enumerate(report.calls)
        ),
        device_metrics={
            device: {**row, SAMPLES: Count(sampled.total)}
            for device, row in report.device_metrics.items()
        },
        configuration={**report.configuration, **facts},
        samples=sampled,
    )
