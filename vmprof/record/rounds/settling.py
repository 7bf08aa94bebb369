"""When a program has been run often enough to be measured: when it gets no faster any more.

The first runs touch memory for the first time, fill caches, start threads and raise the clock.
Others' load only ever makes a run slower, so what is looked at is the fastest so far: as soon as
it has not been beaten for a few rounds, the rest is noise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

# So much faster than the fastest before is faster, and no chance.
_FASTER = 0.02
# So many rounds in turn must not be faster.
_LAST = 2
MOST_ROUNDS = 20
MOST_SECONDS = 2.0


@dataclass
class Settling:
    """How warm-up rounds went; ``asked`` is how many the user wants, None for as many as it takes.

    At least one is made, and no other once :data:`MOST_SECONDS` have passed.
    """

    asked: int | None
    rounds: list[float] = field(default_factory=list)  # microseconds of each
    _seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    @property
    def goes_on(self) -> bool:
        done = len(self.rounds)
        if self.asked is not None:
            return done < self.asked
        if not done:
            return True
        return not (self._has_settled or done == MOST_ROUNDS or self._seconds >= MOST_SECONDS)

    @property
    def expected(self) -> str:
        return f"at most {MOST_ROUNDS}" if self.asked is None else str(self.asked)

    def add(self, microseconds: float) -> None:
        """A round took so long, without what was not measured of it."""
        self.rounds.append(microseconds)
        self._seconds = time.monotonic() - self._began

    @property
    def told(self) -> str:
        """Whether it settled, for the report's reader."""
        done = len(self.rounds)
        if self._has_settled:
            return "yes"
        if done <= _LAST:
            why = "as asked for" if self.asked is not None else f"{self._seconds:.1f} s"
            return f"unknown: {done} rounds, {why}, do not tell"
        faster = 100 * (1 - self.rounds[-1] / min(self.rounds[:-1]))
        if faster > 0:
            return f"no: the last of {done} rounds was {faster:.0f} % faster than any before"
        return f"no: it became faster until the last but one of {done} rounds"

    @property
    def _has_settled(self) -> bool:
        before, last = self.rounds[:-_LAST], self.rounds[-_LAST:]
        return bool(before) and min(last) >= (1 - _FASTER) * min(before)
