"""Which columns the values of a pass belong to, and what its clocks are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# A vmprof_sample of native/api.h begins with its count and two times.
HEAD_WORDS = 3

# The columns of the pass that looks for work of others. CALLER: CPU time of the thread that
# runs. TEAM: also of those that did tasks, idle spinning included. THREADS: of all threads
# that there were when the run began. PROCESS: also of those that came and went since, but
# late (native/api.h). COUNTED, where perf events count others than a team: what they see.
CALLER, TEAM, THREADS, PROCESS, COUNTED = "caller", "team", "threads", "process", "counted"


class ReadingCost(NamedTuple):
    """What it costs to read CPU time around a call, in nanoseconds of it.

    ``inside`` is what the call's window shows of that, ``whole`` what a window around it does.
    """

    inside: int
    whole: int


@dataclass(frozen=True)
class Layout:
    """Which columns the values of a pass belong to.

    ``sources`` has, for each source in the order of reading, the number of the
    column of each of its values. A column that several sources hold (an event
    on each core PMU of a hybrid) is their sum. ``multiplexed``: sources took
    turns, and every value stands for the time that its source ran.
    ``of_caller`` are the numbers of sources that are read by the calling thread alone,
    for whatever they count; every other one counts a thread, and each thread that does
    a task has one. ``threads`` tells sources apart that count different threads from
    one and the same; empty where there are none. ``untimed`` are the numbers of sources
    that never tell times, such as collectors: they always count. ``skew_ns`` is how far
    apart in time the first and the last source may have been read. ``cost``, of a pass
    whose only column is CPU time, is taken off it and off the time.
    """

    columns: tuple[str, ...] = ()
    sources: tuple[tuple[int, ...], ...] = ()
    multiplexed: bool = False
    of_caller: frozenset[int] = frozenset()
    threads: tuple[int, ...] = ()
    untimed: frozenset[int] = frozenset()
    skew_ns: int = 0
    cost: ReadingCost | None = None

    @classmethod
    def joined(cls, parts: Sequence[Layout]) -> Layout:
        """Of a pass that reads the sources of ``parts`` one after the other."""
        columns = tuple(column for part in parts for column in part.columns)
        starts = [sum(len(p.columns) for p in parts[:n]) for n in range(len(parts))]
        first = [sum(len(p.sources) for p in parts[:n]) for n in range(len(parts))]
        return cls(
            columns,
            tuple(
                tuple(start + column for column in source)
                for start, part in zip(starts, parts, strict=True)
                for source in part.sources
            ),
            multiplexed=any(part.multiplexed for part in parts),
            of_caller=frozenset(
                start + n for start, part in zip(first, parts, strict=True) for n in part.of_caller
            ),
            threads=tuple(
                thread for part in parts for thread in part.threads or (0,) * len(part.sources)
            ),
            untimed=frozenset(
                start + n for start, part in zip(first, parts, strict=True) for n in part.untimed
            ),
            skew_ns=max((part.skew_ns for part in parts), default=0),
        )

    @property
    def skews_ns(self) -> tuple[int, ...]:
        """Of each column, how far apart in time the sources of it were read for one thread."""
        threads = self.threads or (0,) * len(self.sources)
        held = Counter(
            (column, thread)
            for columns, thread in zip(self.sources, threads, strict=True)
            for column in columns
        )
        shared = {column for (column, _), number in held.items() if number > 1}
        return tuple(self.skew_ns * (column in shared) for column in range(len(self.columns)))

    @property
    def sample_words(self) -> int:
        """64-bit words of one sample of every source."""
        return sum(HEAD_WORDS + len(values) for values in self.sources)
