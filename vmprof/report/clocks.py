"""What runs that read CPU time add to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmprof.report.align import Alignment
from vmprof.report.cpu_time import CPU_TIME, cpu_cells
from vmprof.report.threads import without_claims
from vmprof.report.unseen import Watched, uncounted_work
from vmprof.runs.run import Run
from vmprof.values import Duration, Metric, Row

if TYPE_CHECKING:
    from vmprof.counters.reading.cpu import CpuClocks


@dataclass(frozen=True)
class ClockRuns:
    """Runs of the passes of ``clocks``; ``time`` is empty if nobody asked for CPU time."""

    clocks: CpuClocks
    time: Sequence[Run]
    watch: Sequence[Run]

    @property
    def runs(self) -> Sequence[Run]:
        """All of them."""
        return [*self.time, *self.watch]

    def tell(
        self,
        rows: Sequence[Row],
        names: Sequence[str],
        alignment: Alignment,
        missing: dict[str, str],
    ) -> tuple[list[Row], dict[str, Metric]]:
        """``rows``, of the run and of its calls as they are aligned, with CPU time; and notes.

        What others did who are not counted is among the notes, and what cannot be said
        because of them is no longer in the rows.
        """
        notes: dict[str, Metric] = {}
        groups = [*zip(names, alignment.calls.shapes, strict=True)]
        if self.time:
            cost = self.clocks.time.layout.cost
            assert cost is not None
            usable = _usable(self.time, alignment)
            more = cpu_cells(usable, groups, cost)
            rows = [{**row, **cells} for row, cells in zip(rows, more, strict=True)]
            notes["Reading CPU time (us)"] = Duration(cost.whole / 1e3)
            if not usable:
                missing[CPU_TIME] = next(run.fault for run in self.time if run.fault)
            elif not any(more):
                missing[CPU_TIME] = (
                    f"all calls are too short: a reading takes {cost.whole / 1e3:.2f} us of each"
                )
        counts = [run.counts for run in _usable(self.watch, alignment) if run.counts is not None]
        if counts:
            watched = Watched(self.clocks.watch.layout.columns, counts, self.clocks.counted)
            rows, untold = without_claims(rows, watched, groups)
            notes |= {**uncounted_work(watched, names), **untold}
        return [*rows], notes


def _usable(runs: Sequence[Run], alignment: Alignment) -> list[Run]:
    return [alignment.of(run) for run in runs if run.counts is not None]
