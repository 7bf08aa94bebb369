"""Samples of several runs -> what a report has of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmprof.runs.run import Run
from vmprof.runs.work import Ints
from vmprof.sampling.code import Code, Places
from vmprof.sampling.hits import HIT, Found, Missed, Table
from vmprof.sampling.model import IN_NO_CALL, Hit, Sampled
from vmprof.sampling.whereabouts import Whereabouts


@dataclass(frozen=True, eq=False)
class SampledRun:
    """A run and its samples: ``found.hits`` has a row for each, ``calls`` its call in ``run``.

    ``caller`` is the number of the thread that ran. ``is_other`` says which samples are of threads
    that did nothing for TVM: their calls are those that ran meanwhile.
    """

    run: Run
    found: Found
    calls: Ints
    caller: int
    is_other: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, run: Run, whereabouts: Whereabouts, found: Found, of_others: Found) -> SampledRun:
        rows = whereabouts.rows(found.hits["thread"], found.hits["time_ns"])
        times = of_others.hits["time_ns"]
        meanwhile = whereabouts.rows(np.full(len(times), whereabouts.caller), times)
        # They are switched on before the run begins, and off behind it.
        of_run = meanwhile >= 0
        hits = np.concatenate([found.hits, of_others.hits[of_run]])
        rows = np.concatenate([rows, meanwhile[of_run]])
        return cls(
            run,
            Found(hits, found.missed + of_others.missed),
            # The first row is the run's own, which no call is.
            np.where(rows > 0, rows - 1, IN_NO_CALL),
            whereabouts.caller,
            np.arange(len(hits)) >= len(found.hits),
        )


@dataclass(frozen=True, eq=False)
class SampledRuns:
    """Sampled ``runs`` that one thread made; ``places`` are those of all their samples in turn.

    ``event``, ``unit`` and ``rate`` are as in :class:`~vmprof.sampling.model.Sampled`. ``faults``
    say of runs that were left out why their samples cannot be believed.
    """

    event: str
    unit: str
    rate: int
    runs: Sequence[SampledRun]
    code: Code
    places: Places
    faults: Sequence[str] = ()

    @classmethod
    def of(
        cls, event: str, unit: str, rate: int, runs: Sequence[SampledRun], code: Code
    ) -> SampledRuns:
        """While what they ran is mapped into the process, where ``code`` finds it."""
        usable = [each for each in runs if not each.run.fault]
        hits = np.concatenate([np.zeros(0, HIT), *(each.found.hits for each in usable)])
        faults = [each.run.fault for each in runs if each.run.fault]
        return cls(event, unit, rate, usable, code, code.find(hits), faults)

    def sampled(self, rows: Sequence[Sequence[int]]) -> Sampled:
        """As a report has it, where ``rows`` has for each run the row of each of its calls."""
        calls, threads, periods, is_other = [], [], [], []
        for run, row_of in zip(self.runs, rows, strict=True):
            # What is in no call is the last one.
            calls.append(np.array([*row_of, IN_NO_CALL])[run.calls])
            hits = run.found.hits
            threads.append(np.where(hits["thread"] == run.caller, 0, hits["thread"]))
            periods.append(hits["period"])
            is_other.append(run.is_other)
        columns = (_joined(calls), _joined(threads), _joined(periods))
        of_others = _joined(is_other).astype(bool)
        missed = sum((run.found.missed for run in self.runs), Missed())
        return Sampled(
            event=self.event,
            unit=self.unit,
            rate=self.rate,
            runs=len(self.runs),
            libraries=tuple(self.code.libraries.known),
            functions=tuple(self.code.functions),
            hits=_folded(self.places, columns, ~of_others),
            others=_folded(self.places, columns, of_others),
            lost=missed.lost,
            throttled=missed.throttled,
        )


def _folded(
    places: Places, columns: tuple[Ints, Ints, Ints], chosen: npt.NDArray[np.bool_]
) -> tuple[Hit, ...]:
    of_chosen = Places(places.function[chosen], places.address[chosen])
    return folded(of_chosen, *(each[chosen] for each in columns))


def _joined(columns: Sequence[Table]) -> Ints:
    joined: Ints = np.concatenate([np.zeros(0, np.int64), *(c.astype(np.int64) for c in columns)])
    return joined


def folded(places: Places, calls: Ints, threads: Ints, periods: Ints) -> tuple[Hit, ...]:
    """One entry for all samples of an instruction by a thread in a call.

    All arrays have a row for each sample. Thread 0 is the one that calls; the others are
    numbered anew.
    """
    workers = np.unique(threads[threads > 0])
    thread = np.where(threads > 0, 1 + np.searchsorted(workers, threads), 0)
    keys = np.stack([calls, places.function, places.address, thread], axis=1)
    distinct, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    weights = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(weights, which.reshape(-1), periods)
    return tuple(
        Hit._make((*key, count, weight))
        for key, count, weight in zip(
            distinct.tolist(), counts.tolist(), weights.tolist(), strict=True
        )
    )
