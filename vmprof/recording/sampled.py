"""The samples of a recording -> those of the report of one of its functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vmprof.recording.groups import Calls, Group
from vmprof.recording.keys import Keys
from vmprof.recording.numbers import Ints
from vmprof.recording.tables import Table
from vmprof.sampling.code import Places
from vmprof.sampling.fold import folded
from vmprof.sampling.model import IN_NO_CALL, Sampled


@dataclass(frozen=True)
class SampledCalls:
    """The sampled ``invocations`` of a group, and the ``calls`` in them.

    For each of ``samples`` (dtype `SAMPLE`), ``row`` is the index in ``calls`` of the call that
    was going on, which may be the invocation itself.
    """

    invocations: Table
    calls: Calls
    samples: Table
    row: Ints

    @classmethod
    def of(cls, group: Group) -> SampledCalls | None:
        """None if no invocation of ``group`` was sampled."""
        recording = group.recording
        turn = len(recording.passes)
        invocations = group.of_turn(turn)
        if recording.sampling is None or not len(invocations):
            return None
        samples = recording.samples[np.isin(recording.samples["invocation"], invocations["id"])]
        calls = Calls.of(recording.counts[turn - 1].calls, invocations)
        # Rows of an invocation stand together, its own first.
        firsts = np.flatnonzero(~calls.is_call)
        ids = calls.rows["invocation"][firsts]
        order = np.argsort(ids)
        first = firsts[order[np.searchsorted(ids, samples["invocation"], sorter=order)]]
        return cls(invocations, calls, samples, first + samples["call"])


def sampled_of(group: Group, keys: Keys, rows: Sequence[int]) -> Sampled | None:
    """Of the invocations of ``group``, by the report's ``rows``, each of which is of a key.

    None if none of them was sampled. What was missed is told of the whole recording.
    """
    sampling, found = group.recording.sampling, SampledCalls.of(group)
    if sampling is None or found is None:
        return None
    samples = found.samples
    row_of = np.full(keys.count + 1, IN_NO_CALL)  # the last one is of what has no key
    row_of[list(rows)] = np.arange(len(rows))
    own = np.isin(samples["thread"], np.unique(found.invocations["thread"]))
    return Sampled(
        event=sampling.event,
        unit=sampling.unit,
        rate=sampling.rate,
        runs=len(found.invocations),
        libraries=sampling.libraries,
        functions=sampling.functions,
        hits=folded(
            Places(samples["function"].astype(np.int64), samples["address"]),
            row_of[keys.of_rows(found.calls)][found.row],
            np.where(own, 0, samples["thread"]).astype(np.int64),
            samples["period"],
        ),
        lost=sampling.lost,
        throttled=sampling.throttled,
    )
