"""What is counted together in one run of the model."""

from __future__ import annotations

from dataclasses import dataclass, field

from vmprof.counters.source import Layout, Source
from vmprof.counters.team import Team


@dataclass(frozen=True)
class Pass:
    """What is counted in one pass: `enable` before the run, `disable` after it.

    One that ``watches`` wants tasks told whosever work is counted.
    """

    layout: Layout
    sources: tuple[Source, ...]
    how: str  # how a window reads it, for the reader of the report
    watches: bool = False
    team: Team = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "team", Team(self.sources))

    def enable(self) -> None:
        self.team.enable()
        for source in self.sources:
            source.enable()

    def disable(self) -> None:
        for source in self.sources:
            source.disable()
        self.team.disable()
