"""How often the process had to give up a processor: all its threads, call by call.

vmprof run mlp --collector collector.py:Preemptions
"""

import resource
from collections.abc import Mapping

from vmprof.report import Count


class Preemptions:
    """Involuntary context switches, which getrusage(2) counts for the whole process."""

    scope = "call"

    def start(self) -> None:
        self._before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw

    def stop(self) -> Mapping[str, Count]:
        now = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        return {"Preemptions": Count(now - self._before)}
