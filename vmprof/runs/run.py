"""Native records -> columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vmprof.runs.faults import (
    FAILED_READING,
    SHARED_PMU,
    STAYED_OFF,
    lost_ns,
    stayed_off,
)
from vmprof.runs.layout import Layout
from vmprof.runs.parallelism import Parallelism
from vmprof.runs.readings import times
from vmprof.runs.recorded import RecordedRuns
from vmprof.runs.signature import signature_texts
from vmprof.runs.storages import ALLOCATION, EVENT, Table, storage_table
from vmprof.runs.work import TASK_SITE, ByThread, Floats, Ints, Records

NOTHING = Layout()  # of a run in which nothing is counted
NO_WINDOW = -1  # begin and end of a call that other runs made, and this one did not


# A VM function that began (its name) or ended (None), and how many records there were then.
Activation = tuple[int, str | None]


def call_paths(activations: Sequence[Activation], calls: int) -> list[str]:
    """The VM functions that each of ``calls`` was made in: ``main > apply > step x3``."""
    paths: list[str] = []
    # For each function that is running: path of what is around it, its name, how often in a row.
    running: list[tuple[str, str, int]] = []
    path = ""
    for records, function in [*activations, (calls + 1, None)]:
        # The first record is the run's own.
        paths += [path] * (records - 1 - len(paths))
        if function is None:
            del running[-1:]
        elif running and running[-1][1] == function:
            outside, _, times = running[-1]
            running.append((outside, function, times + 1))
        else:
            running.append((f"{path} > " if path else "", function, 1))
        path = _path_text(running)
    return paths


def _path_text(running: Sequence[tuple[str, str, int]]) -> str:
    if not running:
        return ""
    outside, function, times = running[-1]
    return f"{outside}{function} x{times}" if times > 1 else f"{outside}{function}"


@dataclass(frozen=True)
class Counts:
    """What was counted: ``values`` has shape (calls, columns), ``total`` (columns,).

    Values are of the work of a call (:mod:`vmprof.runs.work`), whichever thread did it;
    ``by_thread`` has the parts of them, None if no call had parallel tasks.
    ``shares`` and ``total_shares``, of the same shapes, say for which part of
    the time a value was counted, 0 where it never was: then the value means
    nothing. They are None unless counters took turns; where they did, values
    are scaled up to the whole time.
    """

    values: Ints
    total: Ints
    shares: Floats | None = None
    total_shares: Floats | None = None
    by_thread: ByThread | None = None


@dataclass(frozen=True)
class Run:
    """One run: a row per call, in the order in which the calls began.

    ``sites`` has shape (calls,), ``shapes`` one string per call; ``parents``
    (calls,) is the row inside whose window the call lies, -1 for none;
    ``paths`` one string per call, the VM functions that were running, outermost
    first;
    ``windows_ns`` (calls, 2), begin and end of each since the run began,
    ``durations_ns`` (calls,), how long each was open without the dispatch between the
    calls inside, and ``total_ns``, of the run as a whole, are None if no time was read,
    and so is ``parallelism``; ``counts`` is None if nothing was counted. ``fault`` says
    why there are no counts although they were read for. ``storages`` (dtype
    :data:`~vmprof.runs.storages.ALLOCATION`) are those that the calls of a timed run
    allocated, in that order; the row 0 is the run itself there.
    """

    sites: Ints
    shapes: tuple[str, ...]
    parents: Ints
    paths: tuple[str, ...]
    windows_ns: Ints | None
    durations_ns: Ints | None
    total_ns: int | None
    counts: Counts | None
    fault: str | None
    parallelism: Parallelism | None = None
    storages: Table = field(default_factory=lambda: np.zeros(0, dtype=ALLOCATION))

    @classmethod
    def of_records(
        cls,
        records: Records,
        signatures: Ints,
        layout: Layout,
        storage_events: Table | None = None,
        *,
        timed: bool,
        paths: Sequence[str] | None = None,
        fault: str | None = None,
    ) -> Run:
        """Columns of ``records`` (dtype :func:`record_dtype`); the first is the run's own.

        ``storage_events`` (dtype :data:`~vmprof.runs.storages.EVENT`) came of it.
        ``paths`` are of all records but that one, as :func:`call_paths` gives them;
        ``fault`` is a reason, known elsewhere, not to believe the counts.
        """
        runs = RecordedRuns(records, layout)
        is_call = runs.is_call
        (whole,) = first = np.flatnonzero(~is_call)
        assert whole == 0
        fault = fault or _fault(runs)
        windows = np.stack([runs.field("begin_ns"), runs.field("end_ns")], axis=-1)
        durations = runs.durations_ns()
        signature = runs.field("signature")[is_call]
        events = np.zeros(0, dtype=EVENT) if storage_events is None else storage_events
        shapes = signature_texts(signatures, signature)
        return cls(
            sites=runs.field("site")[is_call].astype(np.int64),
            shapes=tuple(shapes[index] for index in signature.tolist()),
            parents=runs.parents()[is_call] - 1,
            paths=tuple(paths[n - 1] if paths else "" for n in runs.numbers[is_call].tolist()),
            windows_ns=windows[is_call] - windows[whole, 0] if timed else None,
            durations_ns=durations[is_call] if timed else None,
            total_ns=int(durations[whole]) if timed else None,
            counts=_counts(runs) if layout.columns and fault is None else None,
            fault=fault,
            parallelism=Parallelism.of_records(records, runs.work) if timed else None,
            storages=storage_table(events, runs.numbers[:1], first, runs.numbers),
        )

    def same_calls(self, other: Run) -> bool:
        """Whether both runs made the same calls with the same shapes in the same order."""
        return (
            np.array_equal(self.sites, other.sites)
            and np.array_equal(self.parents, other.parents)
            and self.shapes == other.shapes
            and self.paths == other.paths
        )

    def inclusive(self, exclusive: Ints) -> Ints:
        """``exclusive`` values (calls, ...) with those of the calls inside each."""
        values = exclusive.copy()
        for call in np.flatnonzero(self.parents >= 0)[::-1].tolist():
            values[self.parents[call]] += values[call]
        return values

    def exclusive(self, values: Ints) -> Ints:
        """``values`` (calls, ...) without what the recorded calls inside each call add to it."""
        inside = self.parents >= 0
        own = values.copy()
        np.subtract.at(own, self.parents[inside], values[inside])
        return own


def _fault(run: RecordedRuns) -> str | None:
    """Why the counts of a run cannot be believed, if so."""
    records, layout = run.records, run.layout
    (fault,) = run.faults().tolist()
    if fault == FAILED_READING:
        return (
            "a reading of the counters failed during the run; if it is the PMU's, another "
            "user of perf (or the NMI watchdog) has taken it: stop that, and run again"
        )
    if fault == STAYED_OFF:
        names = ", ".join(
            layout.columns[column]
            for number, columns in enumerate(layout.sources)
            if stayed_off(records[:1], layout, number).any()
            for column in columns
        )
        return f"{names} stayed off in the whole run, for a reason that the kernel did not give"
    if fault == SHARED_PMU:
        return (
            "the PMU was shared with others: the counters ran "
            f"{math.floor(1e4 * (1 - _lost_share(records, layout))) / 100:g} % of the time; stop "
            "other users of perf (and the NMI watchdog) or count fewer events"
        )
    return None


def _lost_share(records: Records, layout: Layout) -> float:
    """Of the time that counters were enabled, of the column that lost most."""
    largest = 0.0
    # The calling thread's own record, and the tasks of others.
    for part in (records[:1], records[records["site"] == TASK_SITE]):
        enabled = sum(
            (of_thread.sum(axis=0) for of_thread, _ in times(part, layout).values()),
            np.zeros(len(layout.columns)),
        )
        lost = lost_ns(part, layout).sum(axis=0)
        largest = max(largest, float(np.max(lost / np.maximum(enabled, 1), initial=0)))
    return largest


def _counts(runs: RecordedRuns) -> Counts:
    added = runs.amounts()
    values, shares = runs.counts(added)
    if shares is not None:
        return Counts(values[1:], values[0], shares[1:], shares[0])
    return Counts(values[1:], values[0], by_thread=runs.work.by_thread(added))
