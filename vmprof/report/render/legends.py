"""What the columns of a report mean, and their units."""

from __future__ import annotations

from collections.abc import Sequence

from vmprof.values import BYTES, FLOPS, LAYER, PATH, Derived

_LEGENDS = {
    "Name": "the function that was called",
    "Duration (us)": "microseconds: mean over the middle half of the repeats, added over the calls",
    "±": "half of what lies between the quartiles of the repeats, in percent of their median",
    "Percent": "share of Total, of several devices of the longest one",
    "Count": "calls that the row stands for",
    "Device": "where it ran",
    "Argument Shapes": "of the tensors that it takes, and of those that it writes",
    "Bound": "what needs at least half of its time: compute, a cache, memory, latency or launch",
    LAYER: "the layers of the model that it does the work of",
    PATH: "the functions that it was called in",
    FLOPS: "operations on data that the kernel was compiled to do",
    BYTES: "of the tensors that it takes, each counted once: what has to be moved at least",
    "GFLOP/s": "thousand million operations in a second",
    "GB/s": "thousand million bytes in a second",
    "FLOP/byte": "operations for each byte that has to be moved",
    "IPC": "instructions in a cycle",
    "Tasks": "tasks that it handed to TVM's pool of threads",
    "Threads": "threads that worked on it",
    "CPUs used": "time on processors over its duration",
    "Parallel efficiency": "percent of the time of its threads that was work",
    "Vector width": "bits of the data that samples saw being computed on, on average",
    "Samples": "how often its threads were found in it",
}
_PERF = "perf::"


def legend(title: str, derived: Sequence[Derived] = ()) -> str:
    """Of the column ``title``; one that is computed from others has its formula. May be empty."""
    for entry in derived:
        if entry.column == title:
            told = _LEGENDS.get(title)
            return f"{told}: {entry.formula}" if told else entry.formula
    if title.startswith(_PERF):
        event = title.removeprefix(_PERF).lower()
        unit = "nanoseconds on a processor; " if event in ("task-clock", "cpu-clock") else ""
        return f"{unit}the event that perf calls {event}"
    return _LEGENDS.get(title, "")
