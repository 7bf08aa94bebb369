"""Columns of several runs -> Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vmprof.recording import Counts, Recording
from vmprof.report.clocks import ClockRuns
from vmprof.report.median import median_of, medians
from vmprof.report.model import (
    INCLUSIVE,
    INCLUSIVE_DURATION,
    NOT_COUNTED,
    PATH,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Report,
    Row,
    Samples,
)
from vmprof.report.threads import per_thread, thread_cells
from vmprof.work import Floats, Ints

# Beside a column whose counters took turns: which part of the time it was counted.
SHARE_SUFFIX = " counted"


@dataclass(frozen=True)
class CountedPass:
    """``runs`` of one pass, in which ``columns`` were counted.

    ``doubtful`` are columns that mean nothing if they read 0 in all of it:
    nobody has seen them count.
    """

    columns: tuple[str, ...]
    runs: Sequence[Recording]
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CollectedPass:
    """What the collector ``name`` gave: runs, with a row for every call of its recording."""

    name: str
    runs: Sequence[tuple[Recording, Sequence[Row]]]


def build_report(
    *,
    sites: Sequence[str],
    device: str,
    timed: Sequence[Recording],
    passes: Sequence[CountedPass],
    collected: Sequence[CollectedPass],
    per_run: Sequence[Row],
    refused: Mapping[str, str],
    configuration: Mapping[str, Metric],
    clocks: ClockRuns | None = None,
    threads: bool = False,
) -> Report:
    """A report of the calls that all runs made.

    ``sites`` names the callee of each site; ``timed`` are the runs for
    durations, at least one. ``per_run`` has a row for each of them, of the run
    as a whole. Values are medians over the runs; those of a row leave out the
    calls inside it, which have rows of their own. ``refused`` says why columns
    that were asked for are not there. ``clocks`` are the runs that read CPU time; with
    ``threads`` the report says how calls used threads.
    """
    pattern = timed[-1]
    same = [run for run in timed if run.same_calls(pattern)]
    notes: dict[str, Metric] = {}
    if len(same) < len(timed):
        notes["Note"] = (
            f"the runs did not all make the same calls; rows are of {len(same)} of {len(timed)}"
        )
    inclusive_rows = _inclusive_rows(pattern, sites)
    several_paths = len(set(pattern.paths)) > 1
    counted = _Counted([{} for _ in pattern.shapes], {}, dict(refused))
    for one in passes:
        counted.add(one, pattern, inclusive_rows)
    for each in collected:
        notes |= counted.collect(each, pattern)
    counted.total |= medians(per_run)

    durations = np.array([run.durations_ns for run in same], dtype=np.int64)
    own_durations = pattern.own(durations.T).T
    totals = np.array([run.total_ns for run in same], dtype=np.int64)
    total_us = float(np.median(totals)) / 1e3
    names = [sites[site] for site in pattern.sites.tolist()]
    # When calls happened is said of one run, the one of median length.
    typical = same[int(np.argsort(totals, kind="stable")[(len(totals) - 1) // 2])]
    assert typical.windows_ns is not None
    windows = (typical.windows_ns / 1e3).tolist()
    about_threads: list[Row] = [*thread_cells(same, typical, columns=threads)]
    if clocks is not None:
        about_threads, more = clocks.tell(about_threads, names, pattern, counted.missing)
        notes |= more
    calls_of_report: list[Row] = []
    for i, name in enumerate(names):
        call_us = float(np.median(own_durations[:, i])) / 1e3
        row: dict[str, Metric] = {
            "Name": name,
            **_duration(own_durations[:, i]),
            "Percent": Percent(100 * call_us / total_us),
            "Device": device,
            "Count": Count(1),
            "Argument Shapes": pattern.shapes[i],
            WINDOW: Samples(tuple(windows[i])),
            **counted.calls[i],
            **about_threads[1 + i],
        }
        if inclusive_rows[i]:
            row[INCLUSIVE_DURATION] = Duration(float(np.median(durations[:, i])) / 1e3)
        if several_paths:
            row[PATH] = pattern.paths[i]
        calls_of_report.append(row)
    # Run by run: medians of rows and of the total may come from different runs.
    in_no_row = float(np.median(totals - own_durations.sum(axis=1))) / 1e3
    return Report(
        calls=tuple(calls_of_report),
        device_metrics={
            device: {
                "Name": "Total",
                **_duration(totals),
                "Device": device,
                "Count": Count(1),
                **counted.total,
                **about_threads[0],
            }
        },
        configuration={
            **configuration,
            "In no row (us)": Duration(in_no_row),
            **notes,
        },
        missing=counted.missing,
    )


@dataclass
class _Counted:
    """Cells of what was counted, by call and of the run; and why columns are not there."""

    calls: list[dict[str, Metric]]
    total: dict[str, Metric]
    missing: dict[str, str]

    def add(self, one: CountedPass, pattern: Recording, inclusive_rows: Sequence[bool]) -> None:
        """Add the columns of one pass."""
        counts = _usable(one, pattern)
        if not counts:
            self.missing.update(dict.fromkeys(one.columns, _why_nothing(one)))
            return
        for number, column in enumerate(one.columns):
            inclusive, total = _column(counts, number)
            reason = _why_not(column, total, one)
            if reason is not None:
                self.missing[column] = reason
                continue
            self.total |= _cells(column, total, 0)
            own = _own(inclusive, pattern)
            for i, cells in enumerate(self.calls):
                cells.update(_cells(column, own, i))
                if inclusive_rows[i]:
                    cells[f"{column}{INCLUSIVE}"] = _cells(column, inclusive, i)[column]
            for i, parts in per_thread(column, number, counts).items():
                # They are known of whole calls, with those inside.
                if i not in pattern.parents:
                    self.calls[i].update(parts)

    def collect(self, one: CollectedPass, pattern: Recording) -> dict[str, Metric]:
        """Add the columns of a collector; a note if some of its runs are not in them."""
        rows = [rows for run, rows in one.runs if run.same_calls(pattern)]
        for i, cells in enumerate(self.calls):
            cells.update(medians([run[i] for run in rows]))
        of_others = "made other calls than the timed ones"
        if not rows:
            columns = {column for _, rows in one.runs for row in rows for column in row}
            self.missing.update(
                dict.fromkeys(sorted(columns), f"the runs of {one.name} {of_others}")
            )
        if len(rows) in (0, len(one.runs)):
            return {}
        left_out = f"{len(one.runs) - len(rows)} of its {len(one.runs)} runs are left out"
        return {f"Note on {one.name}": f"{left_out}: they {of_others}"}


def _inclusive_rows(pattern: Recording, sites: Sequence[str]) -> list[bool]:
    """Which rows also show what the calls inside them took: none if no calls nest.

    Not a call that lies inside another of the same name: its time is in that
    one's already, and rows of one name are added.
    """
    parents: list[int] = pattern.parents.tolist()
    if max(parents, default=-1) < 0:
        return [False] * len(parents)
    names = [sites[site] for site in pattern.sites.tolist()]

    def is_outermost(row: int) -> bool:
        around = parents[row]
        while around >= 0 and names[around] != names[row]:
            around = parents[around]
        return around < 0

    return [is_outermost(row) for row in range(len(parents))]


def _usable(one: CountedPass, pattern: Recording) -> list[Counts]:
    """The counts of those runs of a pass that have any and made the calls of ``pattern``."""
    return [run.counts for run in one.runs if run.counts is not None and run.same_calls(pattern)]


def _duration(nanoseconds: Ints) -> dict[str, Metric]:
    """Median and samples of durations, shape (runs,)."""
    return median_of("Duration (us)", [Duration(each / 1e3) for each in nanoseconds.tolist()])


@dataclass(frozen=True)
class _Column:
    """One column over runs and rows: shape (runs, rows); ``shares`` as in :class:`Counts`."""

    values: Ints
    shares: Floats | None


def _column(counts: Sequence[Counts], number: int) -> tuple[_Column, _Column]:
    """The column ``number`` of the calls, and of the total as its only row."""
    one = slice(number, number + 1)
    shares = [c.shares[:, number] for c in counts if c.shares is not None]
    total_shares = [c.total_shares[one] for c in counts if c.total_shares is not None]
    return (
        _Column(
            np.array([c.values[:, number] for c in counts]), np.array(shares) if shares else None
        ),
        _Column(
            np.array([c.total[one] for c in counts]),
            np.array(total_shares) if total_shares else None,
        ),
    )


def _own(inclusive: _Column, pattern: Recording) -> _Column:
    """A column of the calls without what the calls inside each add to it."""
    values = pattern.own(inclusive.values.T).T
    if inclusive.shares is not None:
        # Values scaled up from different parts of the time need not fit into one another.
        values = np.maximum(values, 0)
    return _Column(values, inclusive.shares)


def _cells(column: str, data: _Column, row: int) -> dict[str, Metric]:
    """Median, samples and share of one row.

    Runs in which the counter never had its turn
    say nothing; a row for which none of them does is not counted.
    """
    values = data.values[:, row]
    cells: dict[str, Metric] = {}
    if data.shares is not None:
        shares = data.shares[:, row]
        values = values[shares > 0]
        cells[f"{column}{SHARE_SUFFIX}"] = Ratio(float(np.mean(shares)))
    if not len(values):
        return {column: NOT_COUNTED, **cells}
    return {**median_of(column, [Count(value) for value in values.tolist()]), **cells}


def _why_nothing(one: CountedPass) -> str:
    return next((run.fault for run in one.runs if run.fault), None) or (
        "the counting runs made other calls than the timed ones; use --single-pass"
    )


def _why_not(column: str, total: _Column, one: CountedPass) -> str | None:
    """Why a column that was read says nothing after all."""
    if total.shares is not None and not (total.shares > 0).any():
        return "its counter never had its turn; run longer (--repeats), or without --multiplex"
    if column in one.doubtful and not total.values.any():
        return (
            "it read 0 when it was checked and 0 in the whole run: either it did not happen, "
            "or this PMU does not have it"
        )
    return None
