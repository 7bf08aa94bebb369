"""What is counted together in one run of the model."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.runs.layout import Layout

LOST = (
    "the processor stopped at a breakpoint and did not say at which, as some hypervisors have it: "
    "accesses were missed; executions (:x) are counted there too"
)


class Pass:
    """What is counted in one pass: `enable` before the run, `disable` after it.

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
        self._problem: str | None = None

    def enable(self) -> None:
        self._problem = None
        self.team.enable()
        for source in self.sources:
            code = source.enable()
            if code:
                self._problem = f"{', '.join(source.columns)} stayed off: {os.strerror(code)}"

    def disable(self) -> None:
        for source in self.sources:
            code = source.disable()
            if code and self._problem is None:
                self._problem = LOST if code == errno.EIO else os.strerror(code)
        self.team.disable()

    def problem(self) -> str | None:
        """Why what the last run counted cannot be used, if so."""
        return self._problem or self.team.problem()
