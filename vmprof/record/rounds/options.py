"""How often to run, what to read in which run, and the same on the command line."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmprof.defaults import AUTO_MAX_REPEATS, AUTO_MIN_REPEATS, AUTO_SECONDS
from vmprof.errors import VmprofError
from vmprof.record.rounds.settling import MOST_ROUNDS, MOST_SECONDS

if TYPE_CHECKING:
    from vmprof.counters import Pass
    from vmprof.record.recorder import Reading


@dataclass(frozen=True)
class Rounds:
    """How often to run, and what to read in which run.

    A round measures a run of the engine per pass, then TVM's VM without profiling.
    ``repeats`` rounds are measured, None means as many as fit into ten seconds, from
    ``at_least`` to 30. ``warmup`` rounds before those are not, None means until they get no
    faster (:mod:`vmprof.record.rounds.settling`). ``single_pass`` reads clock and counters in
    one run, for models that keep state, and warms up once. Runs are measured warm, or with
    ``cold`` after the caches have been evicted (:mod:`vmprof.record.rounds.warmth`).
    """

    repeats: int | None = None
    warmup: int | None = None
    single_pass: bool = False
    cold: bool = False
    at_least: int = AUTO_MIN_REPEATS

    def __post_init__(self) -> None:
        if self.repeats is not None and self.repeats < 1:
            raise VmprofError(f"repeats is {self.repeats}; at least 1 is needed")
        if self.warmup is not None and self.warmup < 0:
            raise VmprofError(f"warmup is {self.warmup}; it cannot be negative")

    def readings(self, passes: Sequence[Pass]) -> list[tuple[Reading, Pass | None]]:
        """What each run of the engine in a round reads."""
        from vmprof.record.recorder import Reading  # native code, which takes time to load

        if self.single_pass and passes:
            (together,) = passes
            return [(Reading.TIME | Reading.COUNTERS, together)]
        return [(Reading.TIME, None), *((Reading.COUNTERS, one) for one in passes)]

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, at_least: int = AUTO_MIN_REPEATS) -> None:
        how = parser.add_argument_group("how often to run")
        how.add_argument(
            "--repeats",
            type=int,
            metavar="N",
            help="measured rounds, in each of which every engine runs (default: as many as fit "
            f"into {AUTO_SECONDS:.0f} s, {at_least} to {AUTO_MAX_REPEATS})",
        )
        how.add_argument(
            "--warmup",
            type=int,
            metavar="N",
            help="rounds before those (default: until they get no faster, at most "
            f"{MOST_ROUNDS} or {MOST_SECONDS:.0f} s; with --single-pass 1; 0: and no run but "
            "those that are measured)",
        )
        how.add_argument(
            "--single-pass",
            action="store_true",
            help="read clock and counters in the same run, and make no run but those that are "
            "measured and warm-up rounds: for models that keep state",
        )
        how.add_argument(
            "--cold",
            action="store_true",
            help="evict the caches before each run, unprofiled ones too (default: each run comes "
            "after others of its kind, as many as it takes to be as fast as in a loop)",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace, at_least: int = AUTO_MIN_REPEATS) -> Rounds:
        return cls(options.repeats, options.warmup, options.single_pass, options.cold, at_least)

    @property
    def expected(self) -> str:
        """How many rounds to measure, as a user reads it."""
        return str(self.repeats or f"at most {AUTO_MAX_REPEATS}")

    @property
    def warm_up_rounds(self) -> int | None:
        """How many to make, None for as many as it takes: each changes a model that keeps state."""
        return 1 if self.warmup is None and self.single_pass else self.warmup

    def numbers(self) -> Iterator[tuple[int, float]]:
        """The numbers of the rounds to measure, from 1, and what part of all is done then."""
        began = time.monotonic()
        done, seconds = 0, 0.0
        while not self._enough(done, seconds):
            yield done + 1, done / self._in_all(done, seconds)
            done += 1
            seconds = time.monotonic() - began

    def _in_all(self, done: int, seconds: float) -> int:
        """How many rounds there will be, as far as that can be told."""
        if self.repeats is not None:
            return self.repeats
        fit = int(AUTO_SECONDS * done / seconds) if seconds else AUTO_MAX_REPEATS
        return min(max(self.at_least, fit), AUTO_MAX_REPEATS)

    def _enough(self, done: int, seconds: float) -> bool:
        if self.repeats is not None:
            return done >= self.repeats
        if done < self.at_least:
            return False
        # Stop before the round that would not fit.
        return done >= AUTO_MAX_REPEATS or seconds * (done + 1) / done > AUTO_SECONDS
