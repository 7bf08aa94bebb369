"""Native records -> columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm_ffi

from vmprof.counters.source import Layout
from vmprof.parallelism import Parallelism
from vmprof.reading_cost import Spent
from vmprof.work import LAUNCH_SITE, TASK_SITE, ByThread, Floats, Ints, Records, Work

NOTHING = Layout()  # of a run in which nothing is counted
NO_WINDOW = -1  # begin and end of a call that other runs made, and this one did not


def record_dtype(layout: Layout) -> np.dtype[Any]:
    """A ``vmprof_record`` of native/api.h with the samples of ``layout``'s sources."""
    samples = np.dtype([(str(i), _sample_dtype(len(v))) for i, v in enumerate(layout.sources)])
    return np.dtype(
        [
            ("site", np.int32),
            ("failed", np.int32),
            ("signature", np.int64),
            ("parent", np.int64),
            ("begin_ns", np.int64),
            ("end_ns", np.int64),
            ("before", samples),
            ("after", samples),
        ]
    )


def _sample_dtype(values: int) -> np.dtype[Any]:
    return np.dtype(
        [
            ("count", np.uint64),
            ("enabled_ns", np.uint64),
            ("running_ns", np.uint64),
            ("values", np.uint64, (values,)),
        ]
    )


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

    Values are of the work of a call (:mod:`vmprof.work`), whichever thread did it;
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
class Recording:
    """One run: a row per call, in the order in which the calls began.

    ``sites`` has shape (calls,), ``shapes`` one string per call; ``parents``
    (calls,) is the row inside whose window the call lies, -1 for none;
    ``paths`` one string per call, the VM functions that were running, outermost
    first;
    ``windows_ns`` (calls, 2), begin and end of each since the run began,
    ``durations_ns`` (calls,), how long each was open without the dispatch between the
    calls inside, and ``total_ns``, of the run as a whole, are None if no time was read,
    and so is ``parallelism``; ``counts`` is None if nothing was counted. ``fault`` says
    why there are no counts although they were read for.
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

    @classmethod
    def of_records(
        cls,
        records: Records,
        signatures: Ints,
        layout: Layout,
        *,
        timed: bool,
        paths: Sequence[str] | None = None,
        fault: str | None = None,
    ) -> Recording:
        """Columns of ``records`` (dtype :func:`record_dtype`); the first is the run's own.

        ``paths`` are of all records but that one, as :func:`call_paths` gives them;
        ``fault`` is a reason, known elsewhere, not to believe the counts.
        """
        work = Work(records)
        run, calls = records[:1], records[work.rows[1:]]
        fault = fault or _fault(records, layout)
        spent = Spent.of_records(records, layout.cost) if layout.cost else None
        times = records["end_ns"] - records["begin_ns"] - (spent.time if spent else 0)
        windows = np.stack([calls["begin_ns"], calls["end_ns"]], axis=-1) - run["begin_ns"]
        durations = work.of_callers(times[:, None])[1:, 0]
        shapes = {index: _shapes(signatures, index) for index in set(calls["signature"].tolist())}
        return cls(
            sites=calls["site"].astype(np.int64),
            shapes=tuple(shapes[index] for index in calls["signature"].tolist()),
            parents=work.parents()[1:] - 1,
            paths=tuple(paths[row - 1] if paths else "" for row in work.rows[1:].tolist()),
            windows_ns=windows if timed else None,
            durations_ns=durations if timed else None,
            total_ns=int(times[0]) if timed else None,
            counts=_counts(records, work, layout, spent)
            if layout.columns and fault is None
            else None,
            fault=fault,
            parallelism=Parallelism.of_records(records, work) if timed else None,
        )

    def same_calls(self, other: Recording) -> bool:
        """Whether both runs made the same calls with the same shapes in the same order."""
        return (
            np.array_equal(self.sites, other.sites)
            and np.array_equal(self.parents, other.parents)
            and self.shapes == other.shapes
            and self.paths == other.paths
        )

    def inclusive(self, own: Ints) -> Ints:
        """``own`` values (calls, ...) with those of the calls inside each; undoes :meth:`own`."""
        values = own.copy()
        for call in np.flatnonzero(self.parents >= 0)[::-1].tolist():
            values[self.parents[call]] += values[call]
        return values

    def own(self, values: Ints) -> Ints:
        """``values`` (calls, ...) without what the recorded calls inside each call add to it."""
        inside = self.parents >= 0
        own = values.copy()
        np.subtract.at(own, self.parents[inside], values[inside])
        return own


def _fault(records: Records, layout: Layout) -> str | None:
    """Why the counts of a run cannot be believed, if so."""
    for number, values in enumerate(layout.sources):
        read = _read(records, layout, number)
        for end in ("before", "after"):
            if (records[end][str(number)]["count"][read] != len(values)).any():
                return (
                    "a reading of the counters failed during the run; if it is the PMU's, another "
                    "user of perf (or the NMI watchdog) has taken it: stop that, and run again"
                )
        if _stayed_off(records, layout, number):
            names = ", ".join(layout.columns[column] for column in values)
            return f"{names} stayed off in the whole run, for a reason that the kernel did not give"
    if layout.multiplexed:
        return None
    # Of the calling thread the run as a whole tells; of others, their tasks.
    for part in (records[:1], records[records["site"] == TASK_SITE]):
        enabled = np.zeros(len(layout.columns))
        lost = np.zeros(len(layout.columns))
        for of_thread, running in _times(part, layout).values():
            # Groups that take turns are read one after the other, so that their times differ.
            enabled += of_thread.sum(axis=0)
            lost += np.maximum(of_thread - running - layout.skews_ns, 0).sum(axis=0)
        # Sources without times, such as collectors, have neither.
        share = float(np.max(lost / np.maximum(enabled, 1), initial=0))
        if share > 0:
            return (
                "the PMU was shared with others: the counters ran "
                f"{math.floor(1e4 * (1 - share)) / 100:g} % of the time; stop other users of perf "
                "(and the NMI watchdog) or count fewer events"
            )
    return None


def _stayed_off(records: Records, layout: Layout, number: int) -> bool:
    """Whether the source ``number``, of the calling thread, never counted in a run."""
    if number in layout.untimed or (layout.threads and layout.threads[number]):
        return False
    before, after = (records[end][str(number)]["enabled_ns"][0] for end in ("before", "after"))
    return bool(before == after > 0)


def _read(records: Records, layout: Layout, number: int) -> Any:
    """Which records have readings of the source ``number``."""
    if number in layout.of_caller:
        return records["site"] != TASK_SITE
    return np.ones(len(records), dtype=bool)


def _counts(records: Records, work: Work, layout: Layout, spent: Spent | None) -> Counts:
    added = np.zeros((len(records), len(layout.columns)), dtype=np.int64)
    for number, columns in enumerate(layout.sources):
        before, after = records["before"][str(number)], records["after"][str(number)]
        # Differences of counters are taken in their own width, where they may wrap.
        values = (after["values"] - before["values"]).astype(np.int64)
        if number in layout.of_caller:
            values[np.isin(records["site"], (LAUNCH_SITE, TASK_SITE))] = 0
        for position, column in enumerate(columns):
            added[:, column] += values[:, position]
    if spent is not None:
        added -= spent.cpu[:, None]
    values = work.of(added)
    if not layout.multiplexed:
        return Counts(values[1:], values[0], by_thread=work.by_thread(added))
    times = _times(records, layout).values()
    enabled = work.of(sum((enabled for enabled, _ in times), np.zeros(added.shape)))
    running = work.of(sum((running for _, running in times), np.zeros(added.shape)))
    shares = np.minimum(running / np.maximum(enabled, 1), 1)
    for number in layout.untimed:
        shares[:, layout.sources[number]] = 1
    scaled = np.rint(np.divide(values, shares, out=np.zeros_like(shares), where=shares > 0))
    values = scaled.astype(np.int64)
    return Counts(values[1:], values[0], shares[1:], shares[0])


def _times(records: Records, layout: Layout) -> dict[int, tuple[Floats, Floats]]:
    """By thread, the nanoseconds that each column was enabled, and running.

    Each has shape (records, columns). The sources of one column for one thread are
    enabled at the same time and take turns in running, as the thread moves between kinds
    of core; they are read one after the other, and the shortest time holds for all.
    """
    shape = (len(records), len(layout.columns))
    times: dict[int, tuple[Floats, Floats]] = {}
    for number, columns in enumerate(layout.sources):
        before, after = records["before"][str(number)], records["after"][str(number)]
        read = _read(records, layout, number)
        ran = (after["running_ns"] - before["running_ns"]).astype(np.float64) * read
        was_enabled = (after["enabled_ns"] - before["enabled_ns"]).astype(np.float64) * read
        thread = layout.threads[number] if layout.threads else 0
        enabled, running = times.setdefault(thread, (np.full(shape, np.inf), np.zeros(shape)))
        for column in columns:
            running[:, column] += ran
            enabled[:, column] = np.minimum(enabled[:, column], was_enabled)
    for enabled, _ in times.values():
        enabled[np.isinf(enabled)] = 0
    return times


def _shapes(words: Ints, index: int) -> str:
    """A signature as the table shows it: ``float32[1, 784], float32[1, 10]``."""
    tensors = []
    at = index + 1
    for _ in range(words[index]):
        packed, rank = int(words[at]), int(words[at + 1])
        dtype = tvm_ffi.dtype.from_dlpack_data_type(
            (packed & 0xFF, packed >> 8 & 0xFF, packed >> 16 & 0xFFFF)
        )
        dimensions = words[at + 2 : at + 2 + rank]
        tensors.append(f"{dtype}[{', '.join(map(str, dimensions))}]")
        at += 2 + rank
    return ", ".join(tensors)
