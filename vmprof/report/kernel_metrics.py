"""What is known of kernels, in a report: hashes, layouts, and how well they use the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from vmprof.program.kernels import Kernel
from vmprof.report.derive import derive
from vmprof.report.model import Count, Derived, Metric, Report, Row

FLOPS, BYTES = "FLOPs", "Bytes"

_TIME = "Duration (us)"
METRICS = (
    Derived("GFLOP/s", "flops / us / 1000", "ratio", {"flops": FLOPS, "us": _TIME}),
    Derived("GB/s", "bytes / us / 1000", "ratio", {"bytes": BYTES, "us": _TIME}),
    Derived("FLOP/byte", "flops / bytes", "ratio", {"flops": FLOPS, "bytes": BYTES}),
    Derived(
        "IPC",
        "instructions / cycles",
        "ratio",
        {"instructions": "instructions", "cycles": "cycles"},
    ),
    Derived(
        "Misses per 1000 instructions",
        "1000 * misses / instructions",
        "ratio",
        {"misses": "cache-misses", "instructions": "instructions"},
    ),
    Derived(
        "Stalled in frontend (%)",
        "stalled / cycles",
        "percent",
        {"stalled": "stalled-cycles-frontend", "cycles": "cycles"},
    ),
    Derived(
        "Stalled in backend (%)",
        "stalled / cycles",
        "percent",
        {"stalled": "stalled-cycles-backend", "cycles": "cycles"},
    ),
    # The task clock is in nanoseconds.
    Derived("CPUs used", "clock / us / 1000", "ratio", {"clock": "task-clock", "us": _TIME}),
)

_SHAPE = re.compile(r"\[([^\]]*)\]")


def with_kernels(report: Report, kernels: Mapping[str, Kernel]) -> Report:
    """``report`` with the hash and the layouts of the kernels that are known."""
    return replace(report, calls=tuple({**row, **_identity(row, kernels)} for row in report.calls))


def with_metrics(report: Report, kernels: Mapping[str, Kernel]) -> Report:
    """``report`` with :data:`METRICS`, and what of operations and bytes they need.

    Those of counters are there if the counters are, or among what is missing if
    they were asked for. Bytes are those of the tensors that a kernel takes, each
    counted once: what has to be moved at least.
    """
    calls = tuple({**row, **_cost(row, kernels)} for row in report.calls)
    totals = {
        column: Count(sum(metric.value for metric in counts))
        for column in (FLOPS, BYTES)
        if (counts := [row[column] for row in calls if isinstance(row.get(column), Count)])
    }
    report = replace(
        report,
        calls=calls,
        device_metrics={
            device: {**row, **totals} for device, row in report.device_metrics.items()
        },
    )
    known = {column for row in calls for column in row} | set(report.missing)
    return derive(
        report, [each for each in METRICS if known.issuperset(each.sources.values())]
    )


def _identity(row: Row, kernels: Mapping[str, Kernel]) -> dict[str, Metric]:
    kernel = _kernel(row, kernels)
    return {} if kernel is None else {"Hash": kernel.hash, **kernel.layouts}


def _cost(row: Row, kernels: Mapping[str, Kernel]) -> dict[str, Metric]:
    kernel, shapes = _kernel(row, kernels), row.get("Argument Shapes")
    if kernel is None or not isinstance(shapes, str):
        return {}
    cost = kernel.cost([_sizes(text) for text in _SHAPE.findall(shapes)])
    counts: dict[str, Metric] = {}
    if cost.flops is not None:
        counts[FLOPS] = Count(cost.flops)
    if cost.bytes_read is not None and cost.bytes_written is not None:
        counts[BYTES] = Count(cost.bytes_read + cost.bytes_written)
    return counts


def _kernel(row: Row, kernels: Mapping[str, Kernel]) -> Kernel | None:
    name = row.get("Name")
    return kernels.get(name) if isinstance(name, str) else None


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",") if size.strip()]
