"""Whose work it was: the records of launches and tasks, added to the calls they belong to.

The window of a call holds what the calling thread did, waiting for workers
included, and nothing that workers did. The work of the call is what its window
holds, without the windows of its parallel launches, with those of their tasks.
A task of the calling thread lies inside both, and so counts once. This holds
for whatever a window measures, and at any depth of nesting.

Where bytecode runs inside a call (a builtin invokes a closure), what lies between the
calls that it makes is the virtual machine's work: it is no call's, and so in no row.

What counters read of a launch is the waiting at its end alone, and of the calling
thread's own task nothing (native/recorder.h): the sums are the same, less the
cost of launching, which thereby is work of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Sites of records that are not of calls (native/api.h).
RUN_SITE = -1
LAUNCH_SITE = -2
TASK_SITE = -3
ACTIVATION_SITE = -4

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@dataclass(frozen=True)
class ByThread:
    """What each thread did of the calls that ran in parallel.

    ``threads`` are the numbers of all threads that took part in the run, the calling one
    first; ``rows`` are the calls with tasks. ``values`` has shape (rows, threads, columns).
    """

    threads: Ints
    rows: Ints
    values: Ints


class Work:
    """Which records the work of a run and of its calls is made of.

    ``records`` are those of runs of one thread, each run's own first, with at least the fields
    site, signature and parent of ``vmprof_record``. ``rows`` are the numbers of the
    records of the run and its calls: what has work.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        sites, parents = records["site"], records["parent"]
        self._is_row = (sites >= 0) | (sites == RUN_SITE)
        self.rows: Ints = np.flatnonzero(self._is_row)
        is_part = (sites == LAUNCH_SITE) | (sites == TASK_SITE)
        self._inside, self._parts = self._pairs(np.flatnonzero(is_part))
        self._signs = np.where(sites[self._parts] == LAUNCH_SITE, -1, 1)
        self._threads, self._thread_of = _threads(records, self._parts)
        # Activations, and the calls that they make: the dispatch is what is between.
        is_activation = sites == ACTIVATION_SITE
        is_made = self._is_row & (parents >= 0) & is_activation[parents]
        around, pieces = self._pairs(np.flatnonzero(is_activation | is_made))
        # Of a run, dispatch is a part as good as any.
        in_calls = sites[self.rows[around]] != RUN_SITE
        self._around, self._pieces = around[in_calls], pieces[in_calls]
        self._dispatch_signs = np.where(is_activation[self._pieces], 1, -1)

    def _pairs(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Each row that one of the records ``numbers`` lies in, at any distance; and that one."""
        row_of = np.cumsum(self._is_row) - 1  # of a record that has one
        parents = self._records["parent"]
        rows: list[Ints] = [np.zeros(0, dtype=np.int64)]
        lying: list[Ints] = [np.zeros(0, dtype=np.int64)]
        above = parents[numbers]
        while len(numbers):
            found = self._is_row[above]
            rows.append(row_of[above[found]])
            lying.append(numbers[found])
            above = parents[above]
            numbers, above = numbers[above >= 0], above[above >= 0]
        return np.concatenate(rows), np.concatenate(lying)

    def parents(self) -> Ints:
        """The row of the call or run inside which each row lies; -1 for the run."""
        return self.rows_around(self.rows)

    def rows_around(self, numbers: Ints) -> Ints:
        """The row of the innermost call or run inside which each of these records lies."""
        row_of = np.full(len(self._records) + 1, -1)
        row_of[self.rows] = np.arange(len(self.rows))
        parents = self._records["parent"]
        above = parents[numbers]
        while (between := (above >= 0) & (row_of[above] < 0)).any():
            above[between] = parents[above[between]]
        rows: Ints = row_of[above]
        return rows

    def of(self, amounts: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The work of each row, (rows, columns), of what each window measured, (records, ...)."""
        result = self.of_callers(amounts)
        np.add.at(result, self._inside, self._signs[:, None] * amounts[self._parts])
        return result

    def of_callers(self, amounts: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same, of what the calling thread did or waited for."""
        result = amounts[self.rows]
        dispatch = self._dispatch_signs[:, None] * amounts[self._pieces]
        np.subtract.at(result, self._around, dispatch)
        return result

    def sum_of_parts(self, amounts: Ints) -> Ints:
        """What the launches and tasks of each row have of ``amounts`` (records, columns)."""
        result = np.zeros((len(self.rows), amounts.shape[1]), dtype=np.int64)
        np.add.at(result, self._inside, amounts[self._parts])
        return result

    def threads_of(self, numbers: Ints) -> Ints:
        """The place of each record's thread among those of the run, 0 for the calling one."""
        place = np.zeros(len(self._records), dtype=np.int64)
        place[self._parts] = self._thread_of
        return place[numbers]

    def threads_of_rows(self) -> Ints:
        """How many threads worked on each row."""
        callers = np.arange(len(self.rows)) * len(self._threads)
        pairs = self._inside * len(self._threads) + self._thread_of
        used = np.unique(np.concatenate([callers, pairs]))
        threads: Ints = np.bincount(used // len(self._threads), minlength=len(self.rows))
        return threads

    def by_thread(self, amounts: Ints) -> ByThread | None:
        """The same, by thread, of the rows with tasks without the run; None if there are none."""
        rows = np.unique(self._inside[self._inside > 0])
        if not len(rows):
            return None
        values = np.zeros((len(rows), len(self._threads), amounts.shape[1]), dtype=np.int64)
        values[:, 0] = self.of_callers(amounts)[rows]
        of_calls = self._inside > 0
        parts = self._parts[of_calls]
        at = (np.searchsorted(rows, self._inside[of_calls]), self._thread_of[of_calls])
        np.add.at(values, at, self._signs[of_calls, None] * amounts[parts])
        return ByThread(self._threads, rows - 1, values)


def _threads(records: Records, parts: Ints) -> tuple[Ints, Ints]:
    """The numbers of all threads, the calling one first, and the place of each part's."""
    caller = records["signature"][:1]
    workers, places = np.unique(records["signature"][parts], return_inverse=True)
    others = workers[~np.isin(workers, caller)]
    threads = np.concatenate([caller, others]).astype(np.int64)
    return threads, np.array([np.flatnonzero(threads == w)[0] for w in workers], int)[places]
