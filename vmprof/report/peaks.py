"""A report with the machine's peaks: which share of them each kernel reached, what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vmprof.report.aggregate import merge_key, sums_of
from vmprof.report.bounds import BOUND, Bound, bounds
from vmprof.report.columnwise import cells_of
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.report.needs import number_of_calls
from vmprof.report.reuse import Key
from vmprof.report.roofs import AT_PEAK, Roofs
from vmprof.uncollected import uncollected
from vmprof.values import Derived, Duration, Metric, Row

SHARE_OF = "% of peak "
# Which kernels are above a roof, which therefore is none.
_TOO_LOW = "Roof too low, "


@uncollected()
def with_peaks(report: Report, settings: Mapping[str, Metric]) -> Report:
    """``report`` with ``settings``, the peaks of :class:`Roofs`, in place of those that it had.

    Its rows get the column *Bound*; where peaks and rates are known, shares of the peaks too.
    A rate above its roof makes the share, and what the configuration says of it, an error.
    """
    report = _without_peaks(report)
    report = replace(report, configuration={**report.configuration, **settings})
    found = bounds(report)
    calls = tuple({**row, **_cells(row, found)} for row in report.calls)
    needed = sums_of({AT_PEAK: cells} if (cells := cells_of(calls, AT_PEAK)) else {})
    report = replace(
        report,
        calls=calls,
        device_metrics={device: {**row, **needed} for device, row in report.device_metrics.items()},
        configuration={**report.configuration, **_errors(found)},
    )
    return _with_shares(report, found) if Roofs.of(report.configuration) else report


def is_above_roof(report: Report) -> bool:
    """Whether a kernel was faster than the peaks of ``report`` allow."""
    return any(name.startswith(_TOO_LOW) for name in report.configuration)


def _with_shares(report: Report, found: Mapping[Key, Bound]) -> Report:
    roofs = Roofs.of(report.configuration)
    rates = {each.column: each for each in report.derived}
    shares, missing = [], dict(report.missing)
    flops, needed = rates.get("GFLOP/s"), any(AT_PEAK in row for row in report.calls)
    errors = _errors(found)
    if flops is not None and roofs is not None:
        column = f"{SHARE_OF}GFLOP/s"
        error = errors.get(f"{_TOO_LOW}GFLOP/s")
        if error is None:
            formula = f"({flops.formula}) / {roofs.gflops:.6g}"
            shares.append(Derived(column, formula, "percent", flops.sources))
        else:
            missing[column] = str(error)
    if "GB/s" in rates and needed:
        sources = {"needed": AT_PEAK, "us": "Duration (us)"}
        shares.append(Derived(f"{SHARE_OF}GB/s", "needed / us", "percent", sources))
    return derive(replace(report, missing=missing), [*report.derived, *shares])


def _cells(row: Row, found: Mapping[Key, Bound]) -> dict[str, Metric]:
    bound = found[merge_key(row)]
    cells: dict[str, Metric] = {BOUND: bound.word}
    if bound.data_us is not None:
        cells[AT_PEAK] = Duration(bound.data_us * number_of_calls(row))
    return cells


def _errors(found: Mapping[Key, Bound]) -> dict[str, Metric]:
    """Of each unit, the first operator that is above its roof, and how many are."""
    errors: dict[str, Metric] = {}
    for unit in ("GFLOP/s", "GB/s"):
        above = [bound.because for bound in found.values() if bound.above == unit]
        if above:
            more = f" ({len(above)} operators are above it)" if len(above) > 1 else ""
            errors[f"{_TOO_LOW}{unit}"] = f"{above[0]}{more}"
    return errors


def _without_peaks(report: Report) -> Report:
    """``report`` without what :func:`with_peaks` once added."""
    stale = {each.column for each in report.derived if each.column.startswith(SHARE_OF)}
    gone = {*stale, BOUND, AT_PEAK}
    kept = [
        {name: metric for name, metric in row.items() if name not in gone}
        for row in (*report.calls, *report.device_metrics.values())
    ]
    return replace(
        report,
        calls=tuple(kept[: len(report.calls)]),
        device_metrics=dict(zip(report.device_metrics, kept[len(report.calls) :], strict=True)),
        configuration={
            name: metric
            for name, metric in report.configuration.items()
            if not name.startswith(_TOO_LOW)
        },
        missing={
            name: reason for name, reason in report.missing.items() if not name.startswith(SHARE_OF)
        },
        derived=tuple(each for each in report.derived if each.column not in stale),
    )
