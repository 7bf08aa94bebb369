"""How much at once, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

JOBS, LIMIT = 16, 600.0


@dataclass(frozen=True)
class Limits:
    """``jobs`` servers measure at once; each has ``seconds`` from when it was given to us.

    So long one waits, too, for servers that somebody else has.
    """

    jobs: int = JOBS
    seconds: float = LIMIT
