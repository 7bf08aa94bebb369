"""What is counted together in one run of the model."""

from __future__ import annotations

from collections.abc import Sequence

from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.runs.layout import Layout


class Pass:
    """What is counted in one pass, by ``team``: switched on before the run, and off after it.

    ``how`` says how a window reads it, for the reader of the report. One that ``watches``
    wants tasks told whosever work is counted.
    """

    def __init__(
        self, layout: Layout, sources: Sequence[Source], how: str, *, watches: bool = False
    ) -> None:
        self.layout = layout
        self.sources = tuple(sources)
        self.how = how
        self.watches = watches
        self.team = Team(self.sources)
