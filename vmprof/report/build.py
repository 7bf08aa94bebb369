"""Columns of several runs -> Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vmprof.recording import Ints, Recording
from vmprof.report.model import (
    SAMPLES_SUFFIX,
    Count,
    Duration,
    Metric,
    Percent,
    Report,
    Samples,
)


def build_report(
    *,
    sites: Sequence[str],
    device: str,
    timed: Sequence[Recording],
    counted: Sequence[Recording],
    events: Sequence[str],
    refused: Mapping[str, str],
    configuration: Mapping[str, Metric],
) -> Report:
    """A report of the calls that all runs made.

    ``sites`` names the callee of each site; ``timed`` and ``counted`` are the
    runs, at least one timed. Values are medians over the runs. ``events`` are
    the columns of the counts; ``refused`` says why others are not there.
    """
    pattern = timed[-1]
    same = [run for run in timed if run.same_calls(pattern)]
    notes: dict[str, Metric] = {}
    if len(same) < len(timed):
        notes["Note"] = (
            f"the runs did not all make the same calls; rows are of {len(same)} of {len(timed)}"
        )
    missing = dict(refused)
    counts_same = [run for run in counted if run.fault is None and run.same_calls(pattern)]
    if counted and not counts_same:
        reason = next((run.fault for run in counted if run.fault), None) or (
            "the counting runs made other calls than the timed ones; use --single-pass"
        )
        missing.update(dict.fromkeys(events, reason))

    durations = np.array([run.durations_ns for run in same], dtype=np.int64)
    totals = np.array([run.total_ns for run in same], dtype=np.int64)
    counts = np.array([run.counts for run in counts_same], dtype=np.int64)
    total_counts = np.array([run.total_counts for run in counts_same], dtype=np.int64)

    total_us = float(np.median(totals)) / 1e3
    calls = []
    for i, site in enumerate(pattern.sites.tolist()):
        duration, samples = _duration(durations[:, i])
        calls.append(
            {
                "Name": sites[site],
                "Duration (us)": duration,
                f"Duration (us){SAMPLES_SUFFIX}": samples,
                "Percent": Percent(100 * duration.microseconds / total_us),
                "Device": device,
                "Count": Count(1),
                "Argument Shapes": pattern.shapes[i],
                **(_counts(events, counts[:, i]) if counts_same else {}),
            }
        )
    total, samples = _duration(totals)
    explained = sum(np.median(durations, axis=0)) / 1e3
    return Report(
        calls=tuple(calls),
        device_metrics={
            device: {
                "Name": "Total",
                "Duration (us)": total,
                f"Duration (us){SAMPLES_SUFFIX}": samples,
                "Device": device,
                "Count": Count(1),
                **(_counts(events, total_counts) if counts_same else {}),
            }
        },
        configuration={
            **configuration,
            "In no row (us)": Duration(total_us - float(explained)),
            **notes,
        },
        missing=missing,
    )


def _duration(nanoseconds: Ints) -> tuple[Duration, Samples]:
    """Median and samples of durations, shape (runs,)."""
    microseconds = nanoseconds / 1e3
    return Duration(float(np.median(microseconds))), Samples(tuple(microseconds.tolist()))


def _counts(events: Sequence[str], counts: Ints) -> dict[str, Metric]:
    """Medians and samples of counts, shape (runs, events).

    Of an even number of runs the lower middle one is taken: a count that was
    counted, not a mean of two.
    """
    row: dict[str, Metric] = {}
    middles = np.sort(counts, axis=0)[(len(counts) - 1) // 2]
    for name, middle, samples in zip(events, middles.tolist(), counts.T.tolist(), strict=True):
        row[name] = Count(middle)
        row[f"{name}{SAMPLES_SUFFIX}"] = Samples(tuple(samples))
    return row
