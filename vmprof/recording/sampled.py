"""The samples of a recording -> those of the report of one of its functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmprof.recording.groups import Calls, Group
from vmprof.recording.keys import Keys
from vmprof.sampling.code import Places
from vmprof.sampling.fold import folded
from vmprof.sampling.model import IN_NO_CALL, Sampled


def sampled_of(group: Group, keys: Keys, rows: Sequence[int]) -> Sampled | None:
    """Of the invocations of ``group``, by the report's ``rows``, each of which is of a key.

    None if none of them was sampled. What was missed is told of the whole recording.
    """
    recording = group.recording
    sampling, turn = recording.sampling, len(recording.passes)
    if sampling is None:
        return None
    invocations = group.of_turn(turn)
    if not len(invocations):
        return None
    samples = recording.samples[np.isin(recording.samples["invocation"], invocations["id"])]
    calls = Calls.of(recording.counts[turn - 1].calls, invocations)
    row_of = np.full(keys.count + 1, IN_NO_CALL)  # the last one is of what has no key
    row_of[list(rows)] = np.arange(len(rows))
    # Rows of an invocation stand together, its own first.
    firsts = np.flatnonzero(~calls.is_call)
    ids = calls.rows["invocation"][firsts]
    order = np.argsort(ids)
    first = firsts[order[np.searchsorted(ids, samples["invocation"], sorter=order)]]
    in_rows = row_of[keys.of_rows(calls)][first + samples["call"]]
    own = np.isin(samples["thread"], np.unique(invocations["thread"]))
    return Sampled(
        event=sampling.event,
        unit=sampling.unit,
        rate=sampling.rate,
        runs=len(invocations),
        libraries=sampling.libraries,
        functions=sampling.functions,
        hits=folded(
            Places(samples["function"].astype(np.int64), samples["address"]),
            in_rows,
            np.where(own, 0, samples["thread"]).astype(np.int64),
            samples["period"],
        ),
        lost=sampling.lost,
        throttled=sampling.throttled,
    )
