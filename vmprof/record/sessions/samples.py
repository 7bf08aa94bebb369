"""What the sampler of a thread that calls found -> the samples of its invocations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vmprof.counters.reading.sampler import Sampler
from vmprof.inside.code import MachineCode
from vmprof.inside.keep import keep
from vmprof.recording.tables import SAMPLE, Sampling, Table
from vmprof.runs.recorded import RecordedRuns
from vmprof.runs.work import RUN_SITE, Ints
from vmprof.sampling.code import Code
from vmprof.sampling.hits import Found, Missed
from vmprof.sampling.model import Function
from vmprof.sampling.whereabouts import Whereabouts


def code_of(
    sampling: Sampling, samples: Table, contents: Mapping[Function, bytes]
) -> tuple[MachineCode, ...]:
    """The code that ``samples`` (dtype `SAMPLE`) were found in, as it lies on the disk now.

    ``contents`` are those of functions that lie in no file.
    """
    counts = np.bincount(samples["function"], minlength=len(sampling.functions)).tolist()
    functions = {
        function: count for function, count in zip(sampling.functions, counts, strict=True) if count
    }
    return keep(sampling.libraries, functions, contents=contents).codes


@dataclass
class Samples:
    """Of one session, whose invocations ``sampler`` describes: the code, and what was missed."""

    sampler: Sampler
    code: Code
    _missed: Missed = field(default_factory=Missed)

    def of(self, found: Found, runs: RecordedRuns, ids: Ints) -> Table:
        """What was ``found`` (dtype `SAMPLE`) in ``runs``, the invocations with these ``ids``.

        While what they ran is mapped into the process.
        """
        self._missed += found.missed
        hits = found.hits
        own_rows = np.flatnonzero(~runs.is_call)
        begins = runs.records["begin_ns"][runs.records["site"] == RUN_SITE]
        # Samplers are off between invocations; what came of one that is not complete is left out.
        run = np.searchsorted(begins, hits["time_ns"], side="right") - 1
        ends = runs.records["end_ns"][runs.records["site"] == RUN_SITE]
        inside = (run >= 0) & (hits["time_ns"] <= np.append(ends, 0)[run])
        hits, run = hits[inside], run[inside]
        rows = Whereabouts(runs.records).rows(hits["thread"], hits["time_ns"])
        places = self.code.find(hits)
        samples = np.zeros(len(hits), dtype=SAMPLE)
        samples["invocation"] = ids[run]
        samples["call"] = np.where(rows >= 0, rows - own_rows[run], 0)
        samples["function"], samples["address"] = places
        for name in ("thread", "time_ns", "period"):
            samples[name] = hits[name]
        return samples

    def described(self) -> Sampling:
        """Behind the last invocation."""
        return Sampling(
            event=self.sampler.event,
            unit=self.sampler.unit,
            rate=self.sampler.rate,
            libraries=tuple(self.code.libraries.known),
            functions=tuple(self.code.functions),
            lost=self._missed.lost,
            throttled=self._missed.throttled,
        )
