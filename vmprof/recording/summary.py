"""A line for each function that was called."""

from __future__ import annotations

import numpy as np

from vmprof.recording.groups import Group, durations_us
from vmprof.recording.tables import Recording
from vmprof.values import PEAK_MEMORY, Count, Duration, Metric, Row


def summary(groups: list[Group]) -> list[Row]:
    """A line for each group: how often it was called, and how long invocations took.

    The number of invocations and the sum of their times cover all of them; the number of threads
    (if several threads called) covers the kept ones, everything else the timed ones that were kept.
    """
    threads = {thread for group in groups for thread in group.invocations["thread"].tolist()}
    return [_line(group, threads=len(threads) > 1) for group in groups]


def not_seen(recording: Recording) -> list[str]:
    """What went wrong, and what could not be seen of which VM."""
    notes = [
        f"VM {number}: {note}"
        for number, vm in enumerate(recording.vms, start=1)
        for note in (*vm.notes, *([vm.memory_note] if len(recording.allocations) else []))
        if note
    ]
    return [*recording.problems, *notes]


def _line(group: Group, *, threads: bool) -> Row:
    row: dict[str, Metric] = {
        "Function": group.title,
        "Invocations": Count(group.total("invocations")),
        "Sum (us)": Duration(group.total("sum_ns") / 1e3),
    }
    if threads and group.thread is None:
        row["Threads"] = Count(len(np.unique(group.invocations["thread"])))
    times = durations_us(group.timed)
    if len(times):
        p10, median, p90 = np.percentile(times, [10, 50, 90]).tolist()
        row |= {
            "Median (us)": Duration(median),
            "p10 (us)": Duration(p10),
            "p90 (us)": Duration(p90),
        }
        first = group.timed["number"] == 0
        if first.any():
            row["First (us)"] = Duration(float(times[first][0]))
        if not first.all():
            row["Rest (us)"] = Duration(float(np.median(times[~first])))
    if len(group.unrecorded_us):
        row["Unrecorded (us)"] = Duration(float(np.median(group.unrecorded_us)))
    if group.memory is not None:
        row[PEAK_MEMORY] = Count(group.memory.peak)
    row["Timed"] = Count(len(times))
    for name, column in (("failed", "Failed"), ("dropping", "Lost calls")):
        if group.total(name):
            row[column] = Count(group.total(name))
    return row
