"""Columns of several runs -> Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vmprof.recording import Counts, Recording
from vmprof.report.median import median_of, medians
from vmprof.report.model import NOT_COUNTED, Count, Duration, Metric, Percent, Ratio, Report, Row
from vmprof.report.threads import per_thread, thread_columns, uncounted_work
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
    """What a collector of calls gave: runs, each with a row for every call of its recording."""

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
    cpu: CountedPass | None = None,
    threads: bool = False,
) -> Report:
    """A report of the calls that all runs made.

    ``sites`` names the callee of each site; ``timed`` are the runs for
    durations, at least one. ``per_run`` has a row for each of them, of the run
    as a whole. Values are medians over the runs. ``refused`` says why
    columns that were asked for are not there. ``cpu`` is the pass for CPU time; with
    ``threads`` the report says how calls used threads.
    """
    pattern = timed[-1]
    same = [run for run in timed if run.same_calls(pattern)]
    notes: dict[str, Metric] = {}
    if len(same) < len(timed):
        notes["Note"] = (
            f"the runs did not all make the same calls; rows are of {len(same)} of {len(timed)}"
        )
    missing = dict(refused)
    counted_calls: list[dict[str, Metric]] = [{} for _ in pattern.shapes]
    counted_total: dict[str, Metric] = {}
    for one in passes:
        counts = _usable(one, pattern)
        if not counts:
            missing.update(dict.fromkeys(one.columns, _why_nothing(one)))
            continue
        for number, column in enumerate(one.columns):
            calls, total = _column(counts, number)
            reason = _why_not(column, total, one)
            if reason is not None:
                missing[column] = reason
                continue
            counted_total |= _cells(column, total, 0)
            for i, cells in enumerate(counted_calls):
                cells.update(_cells(column, calls, i))
            for i, parts in per_thread(column, number, counts).items():
                counted_calls[i].update(parts)
    for each in collected:
        rows = [rows for run, rows in each.runs if run.same_calls(pattern)]
        for i, cells in enumerate(counted_calls):
            cells.update(medians([run[i] for run in rows]))
    counted_total |= medians(per_run)

    durations = np.array([run.durations_ns for run in same], dtype=np.int64)
    totals = np.array([run.total_ns for run in same], dtype=np.int64)
    total_us = float(np.median(totals)) / 1e3
    cpu_counts = _usable(cpu, pattern) if cpu else []
    about_threads: list[Row] = [{} for _ in range(1 + len(pattern.shapes))]
    if threads:
        about_threads = thread_columns(
            [run.parallelism for run in same if run.parallelism is not None],
            np.concatenate([totals[:, None], durations], axis=1),
            cpu_counts,
        )
    names = [sites[site] for site in pattern.sites.tolist()]
    if cpu and (warning := uncounted_work(cpu.columns, cpu_counts, names)):
        notes["Warning"] = warning
    calls_of_report: list[Row] = []
    for i, name in enumerate(names):
        call_us = float(np.median(durations[:, i])) / 1e3
        calls_of_report.append(
            {
                "Name": name,
                **_duration(durations[:, i]),
                "Percent": Percent(100 * call_us / total_us),
                "Device": device,
                "Count": Count(1),
                "Argument Shapes": pattern.shapes[i],
                **counted_calls[i],
                **about_threads[1 + i],
            }
        )
    explained = sum(np.median(durations, axis=0)) / 1e3
    return Report(
        calls=tuple(calls_of_report),
        device_metrics={
            device: {
                "Name": "Total",
                **_duration(totals),
                "Device": device,
                "Count": Count(1),
                **counted_total,
                **about_threads[0],
            }
        },
        configuration={
            **configuration,
            "In no row (us)": Duration(total_us - float(explained)),
            **notes,
        },
        missing=missing,
    )


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
