"""What is known of kernels, in a report: hashes, layouts, and how well they use the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from vmprof.program.kernels import Kernel
from vmprof.report.aggregate import sums_of
from vmprof.report.columnwise import cells_of, column_names
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import BYTES, FLOPS, Count, Derived, Duration, Metric, Row

_TIME = "Duration (us)"


def _counters(*events: str, **renamed: str) -> dict[str, str]:
    """The columns of events, by their names in a formula."""
    named = {**dict(zip(events, events, strict=True)), **renamed}
    return {name: f"perf::{event.upper()}" for name, event in named.items()}


METRICS = (
    Derived("GFLOP/s", "flops / us / 1000", "ratio", {"flops": FLOPS, "us": _TIME}),
    Derived("GB/s", "bytes / us / 1000", "ratio", {"bytes": BYTES, "us": _TIME}),
    Derived("FLOP/byte", "flops / bytes", "ratio", {"flops": FLOPS, "bytes": BYTES}),
    Derived("IPC", "instructions / cycles", "ratio", _counters("instructions", "cycles")),
    Derived(
        "Misses per 1000 instructions",
        "1000 * misses / instructions",
        "ratio",
        _counters("instructions", misses="cache-misses"),
    ),
    Derived(
        "Stalled in frontend (%)",
        "stalled / cycles",
        "percent",
        _counters("cycles", stalled="stalled-cycles-frontend"),
    ),
    Derived(
        "Stalled in backend (%)",
        "stalled / cycles",
        "percent",
        _counters("cycles", stalled="stalled-cycles-backend"),
    ),
)

_SHAPE = re.compile(r"\[([^\]]*)\]")


@uncollected()
def with_kernels(report: Report, kernels: Mapping[str, Kernel]) -> Report:
    """``report`` with the hash and the layouts of the kernels that are known."""
    return replace(report, calls=tuple({**row, **_identity(row, kernels)} for row in report.calls))


@uncollected()
def with_metrics(report: Report, kernels: Mapping[str, Kernel]) -> Report:
    """``report`` with :data:`METRICS`, and what of operations and bytes they need.

    Those of counters are there if the counters are, or among what is missing if they
    were asked for. Bytes are those of the tensors that a kernel takes, each counted
    once, and of it what the kernel can touch (:mod:`vmprof.zoo.compiler.traffic`).
    """
    cost = lru_cache(maxsize=None)(partial(_cost, kernels))
    return with_rates(
        replace(
            report,
            calls=tuple(
                {**row, **cost(row.get("Name"), row.get("Argument Shapes"))} for row in report.calls
            ),
        )
    )


@uncollected()
def with_rates(report: Report) -> Report:
    """``report``, whose calls have operations and bytes where these are known, the same way."""
    calls = report.calls
    columns = {name: cells for name in (FLOPS, BYTES) if (cells := cells_of(calls, name))}
    totals = sums_of(columns)
    report = replace(
        report,
        device_metrics={device: {**row, **totals} for device, row in report.device_metrics.items()},
        configuration={**report.configuration, **_known_in_part(calls)},
    )
    known = {*column_names(calls), *report.missing}
    derived = {each.column for each in report.derived}
    more = (
        each
        for each in METRICS
        if each.column not in derived and known.issuperset(each.sources.values())
    )
    return derive(report, [*report.derived, *more])


def _known_in_part(calls: Sequence[Row]) -> dict[str, Metric]:
    """Which part of the calls it is whose operations and bytes are known, unless it is all."""
    parts = []
    whole = _microseconds(calls)
    for column in (FLOPS, BYTES):
        known = [row for row in calls if column in row]
        if known and len(known) < len(calls):
            share = 100 * _microseconds(known) / whole if whole else 0.0
            parts.append(
                f"{column} of {len(known)} of {len(calls)} calls, {share:.1f} % of their time"
            )
    if not parts:
        return {}
    return {"Known in part": f"{'; '.join(parts)}; rates in Sum and Total are of those calls"}


def _microseconds(rows: Sequence[Row]) -> float:
    times = (row.get(_TIME) for row in rows)
    return sum(time.microseconds for time in times if isinstance(time, Duration))


def _identity(row: Row, kernels: Mapping[str, Kernel]) -> dict[str, Metric]:
    name = row.get("Name")
    kernel = kernels.get(name) if isinstance(name, str) else None
    return {} if kernel is None else {"Hash": kernel.hash, **kernel.layouts}


def _cost(
    kernels: Mapping[str, Kernel], name: Metric | None, shapes: Metric | None
) -> dict[str, Metric]:
    kernel = kernels.get(name) if isinstance(name, str) else None
    if kernel is None or not isinstance(shapes, str):
        return {}
    cost = kernel.cost([_sizes(text) for text in _SHAPE.findall(shapes)])
    counts: dict[str, Metric] = {}
    if cost.flops is not None:
        counts[FLOPS] = Count(cost.flops)
    if cost.bytes_read is not None and cost.bytes_written is not None:
        counts[BYTES] = Count(cost.bytes_read + cost.bytes_written)
    return counts


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",") if size.strip()]
