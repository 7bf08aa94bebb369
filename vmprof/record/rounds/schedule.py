"""How often to run, and what to read in which run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmprof.counters import Pass
from vmprof.defaults import AUTO_MAX_REPEATS, AUTO_MIN_REPEATS, AUTO_SECONDS
from vmprof.errors import VmprofError
from vmprof.record.recorder import Reading


@dataclass(frozen=True)
class Schedule:
    """How often to run, and what to read in which run.

    A round measures a run of the engine per pass, then TVM's VM without profiling.
    ``repeats`` rounds are measured, after ``warmup`` that are not; None means as
    many as fit into ten seconds, from ``at_least`` to 30. ``single_pass`` reads
    clock and counters in one run, for models that keep state. Runs are measured
    warm, or with ``cold`` after the caches have been evicted
    (:mod:`vmprof.record.rounds.warmth`).
    """

    repeats: int | None = None
    warmup: int = 1
    single_pass: bool = False
    cold: bool = False
    at_least: int = AUTO_MIN_REPEATS

    def __post_init__(self) -> None:
        if self.repeats is not None and self.repeats < 1:
            raise VmprofError(f"repeats is {self.repeats}; at least 1 is needed")
        if self.warmup < 0:
            raise VmprofError(f"warmup is {self.warmup}; it cannot be negative")

    def readings(self, passes: Sequence[Pass]) -> list[tuple[Reading, Pass | None]]:
        """What each run of the engine in a round reads."""
        if self.single_pass and passes:
            (together,) = passes
            return [(Reading.TIME | Reading.COUNTERS, together)]
        return [(Reading.TIME, None), *((Reading.COUNTERS, one) for one in passes)]

    @property
    def expected(self) -> str:
        """How many rounds to measure, as a user reads it."""
        return str(self.repeats or f"at most {AUTO_MAX_REPEATS}")

    def rounds(self) -> Iterator[int]:
        """The numbers of the rounds to measure, from 1."""
        began = time.monotonic()
        done = 0
        while not self._enough(done, time.monotonic() - began):
            done += 1
            yield done

    def _enough(self, done: int, seconds: float) -> bool:
        if self.repeats is not None:
            return done >= self.repeats
        if done < self.at_least:
            return False
        # Stop before the round that would not fit.
        return done >= AUTO_MAX_REPEATS or seconds * (done + 1) / done > AUTO_SECONDS
