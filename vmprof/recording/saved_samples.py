"""Samples of recordings in files: reading what is said of them, and checking the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmprof.errors import VmprofError
from vmprof.recording.tables import Recording, Sampling
from vmprof.sampling.text import code_of

# All periods together stay below this, so that sums fit into 64 bits.
_MOST_WEIGHT = 2.0**62


def sampling_of(entry: Any) -> Sampling | None:
    """What a file's document says under "sampling"."""
    if entry is None:
        return None
    libraries, functions = code_of(entry)
    numbers = {name: int(entry[name]) for name in ("rate", "lost", "throttled")}
    if min(numbers.values()) < 0:
        raise VmprofError("a number of samples is negative")
    return Sampling(
        event=str(entry["event"]),
        unit=str(entry["unit"]),
        libraries=libraries,
        functions=functions,
        **numbers,
    )


def check_samples(recording: Recording) -> None:
    """Check that each sample is of a call and a function that are there."""
    sampling, samples = recording.sampling, recording.samples
    if (sampling is not None) != any(one.samples for one in recording.passes) or any(
        one.samples for one in recording.passes[:-1]
    ):
        raise VmprofError("the last pass, and it alone, is that of samples")
    if sampling is None or not len(samples):
        return
    calls = recording.counts[-1].calls
    ids, rows = np.unique(calls["invocation"], return_counts=True)
    at = np.minimum(np.searchsorted(ids, samples["invocation"]), max(len(ids) - 1, 0))
    if not len(ids) or (ids[at] != samples["invocation"]).any():
        raise VmprofError("a sample is of an invocation that is not there")
    if (samples["call"] < 0).any() or (samples["call"] >= rows[at]).any():
        raise VmprofError("a sample is of a call that is not there")
    function, period = samples["function"], samples["period"]
    if (function < 0).any() or (function >= len(sampling.functions)).any():
        raise VmprofError("a sample is of a function that is not there")
    negative = any((samples[name] < 0).any() for name in ("address", "thread", "period"))
    if negative or period.sum(dtype=np.float64) >= _MOST_WEIGHT:
        raise VmprofError("a sample has a number that is out of range")
