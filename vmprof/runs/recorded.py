"""Runs as the recorder left them, one behind the other: a row for each run and each call."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vmprof.runs.faults import faults
from vmprof.runs.layout import Layout
from vmprof.runs.reading_cost import Spent
from vmprof.runs.readings import amounts, in_turns
from vmprof.runs.work import RUN_SITE, Floats, Ints, Records, Work


class RecordedRuns:
    """What ``records`` (dtype :func:`~vmprof.runs.readings.record_dtype`) of whole runs say.

    They are of one thread, and read as ``layout`` has it. The rows of a run are its own, which
    is the first, and those of its calls in the order in which they began. Arrays have the
    shape (rows,) unless they say otherwise: ``run`` is the number of the run that a row lies
    in, ``is_call`` tells calls from the runs themselves.
    """

    def __init__(self, records: Records, layout: Layout) -> None:
        self.records, self.layout = records, layout
        self.work = Work(records)
        self.numbers: Ints = self.work.rows  # of the rows' records
        self.is_call: npt.NDArray[np.bool_] = records["site"][self.numbers] != RUN_SITE
        self._own_rows = np.flatnonzero(~self.is_call)
        self.run: Ints = np.cumsum(~self.is_call) - 1
        self._spent = Spent.of_records(records, layout.cost) if layout.cost else None

    def field(self, name: str) -> Ints:
        """Of the rows' records."""
        values: Ints = self.records[name][self.numbers]
        return values

    def parents(self) -> Ints:
        """The row inside whose window each lies, counted from its run's own; -1 for that one."""
        rows = self.work.parents() - self._own_rows[self.run]
        rows[self._own_rows] = -1
        return rows

    def open_ns(self) -> Ints:
        """How long each record was open, (records,), less what went into readings inside."""
        taken: Ints = self.records["end_ns"] - self.records["begin_ns"]
        return taken if self._spent is None else taken - self._spent.time

    def durations_ns(self) -> Ints:
        """How long each was open, without the dispatch between the calls inside."""
        durations: Ints = self.work.of_callers(self.open_ns()[:, None])[:, 0]
        return durations

    def amounts(self) -> Ints:
        """By how much each column went on in each record, (records, columns)."""
        added = amounts(self.records, self.layout)
        return added if self._spent is None else added - self._spent.cpu[:, None]

    def counts(self, added: Ints) -> tuple[Ints, Floats | None]:
        """What was counted of each row's work, (rows, columns), of :meth:`amounts`.

        If counters took turns, values are scaled up, and come with the parts of the time in
        which they were counted.
        """
        values: Ints = self.work.of(added)
        if not self.layout.multiplexed:
            return values, None
        return in_turns(self.records, self.work, self.layout, values)

    def faults(self) -> Ints:
        """Of each run, (runs,): see :mod:`vmprof.runs.faults`."""
        return faults(self.records, self.layout, self.numbers[self._own_rows])
