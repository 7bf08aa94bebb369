"""Columns of several runs -> Report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vmprof.report.align import Alignment
from vmprof.report.balance import IN_NO_ROW, check_balance
from vmprof.report.clocks import ClockRuns
from vmprof.report.counted import Counted, CountedPass
from vmprof.report.estimator import mean_of, means, middle_half, samples_of
from vmprof.report.model import Report
from vmprof.report.sampled import SAMPLES, add_samples
from vmprof.report.threads import thread_cells
from vmprof.runs.run import NO_WINDOW, Run
from vmprof.sampling.fold import SampledRuns
from vmprof.uncollected import uncollected
from vmprof.values import (
    INCLUSIVE_DURATION,
    LAYER,
    PATH,
    SAMPLES_SUFFIX,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)

_DURATION = "Duration (us)"
_DURATION_SAMPLES = f"{_DURATION}{SAMPLES_SUFFIX}"


@dataclass(frozen=True)
class CollectedPass:
    """What a collector of calls gave: runs, each with a row for every call of its recording."""

    runs: Sequence[tuple[Run, Sequence[Row]]]


@uncollected()
def build_report(
    *,
    sites: Sequence[str],
    device: str,
    timed: Sequence[Run],
    passes: Sequence[CountedPass],
    collected: Sequence[CollectedPass],
    per_run: Sequence[Row],
    refused: Mapping[str, str],
    configuration: Mapping[str, Metric],
    clocks: ClockRuns | None = None,
    threads: bool = False,
    layers: Callable[[Sequence[int]], Sequence[str]] | None = None,
    sampled: SampledRuns | None = None,
) -> Report:
    """A report of the calls that any of the runs made.

    ``sites`` names the callee of each site; ``timed`` are the runs for
    durations, at least one. ``per_run`` has a row for each of them, of the run
    as a whole. Values are as :mod:`vmprof.report.estimator` says; those of a row leave
    out the calls inside it, which have rows of their own, and are 0 in a run that did not
    make the call. ``refused`` says why columns that were asked for are not there. ``clocks``
    are the runs that read CPU time; with ``threads`` the report says how calls used threads.
    ``layers`` tells of sites that are called one after the other the layers of each call.
    ``sampled`` are the runs that say where inside the calls time went.
    """
    alignment = Alignment(
        [
            *timed,
            *(run for one in passes for run in one.runs),
            *(clocks.runs if clocks else ()),
            *(run for each in collected for run, _ in each.runs),
            *(each.run for each in (sampled.runs if sampled else ())),
        ],
        sites,
    )
    calls = alignment.calls
    inclusive_rows = _inclusive_rows(calls, sites)
    several_paths = len(set(calls.paths)) > 1
    counted = Counted([{} for _ in calls.shapes], dict(refused))
    for one in passes:
        counted.add(one, alignment, inclusive_rows)
    counted.leave_out(sampled)
    for each in collected:
        _add_collected(counted.calls, each, alignment)

    aligned = [alignment.of(run) for run in timed]
    durations = np.array([run.durations_ns for run in aligned], dtype=np.int64)
    own_durations = calls.exclusive(durations.T).T
    totals = np.array([run.total_ns for run in aligned], dtype=np.int64)
    kept = middle_half(totals)
    counted.total |= means(per_run, kept)
    total_us = float(totals[kept].mean()) / 1e3
    called: list[int] = calls.sites.tolist()
    names = [sites[site] for site in called]
    layer_cells = layers(called) if layers else [""] * len(called)
    note = alignment.note()
    notes: dict[str, Metric] = {
        **({} if note is None else {"Note": note}),
        **({"Runs left out": "; ".join(counted.left_out)} if counted.left_out else {}),
    }
    # When calls happened is said of one run, the one of median length.
    typical = aligned[int(np.argsort(totals, kind="stable")[(len(totals) - 1) // 2])]
    assert typical.windows_ns is not None
    windows = typical.windows_ns.tolist()
    about_threads: list[Row] = [*thread_cells(aligned, typical, kept, columns=threads)]
    if clocks is not None:
        about_threads, more = clocks.tell(about_threads, names, alignment, counted.missing)
        notes |= more
    calls_of_report: list[Row] = []
    # Of a column whole arrays are computed; of a call there is nothing left to do but its row.
    own_us = (own_durations[kept].mean(axis=0) / 1e3).tolist()
    inclusive_us = (durations[kept].mean(axis=0) / 1e3).tolist()
    samples = samples_of(own_durations / 1e3)
    once = Count(1)
    for i, name in enumerate(names):
        row: dict[str, Metric] = {
            "Name": name,
            _DURATION: Duration(own_us[i]),
            _DURATION_SAMPLES: samples[i],
            "Percent": Percent(100 * own_us[i] / total_us),
            "Device": device,
            "Count": once,
            "Argument Shapes": calls.shapes[i],
            **counted.calls[i],
            **about_threads[1 + i],
        }
        begin, end = windows[i]
        if NO_WINDOW not in (begin, end):
            row[WINDOW] = Samples((begin / 1e3, end / 1e3))
        if inclusive_rows[i]:
            row[INCLUSIVE_DURATION] = Duration(inclusive_us[i])
        if layer_cells[i]:
            row[LAYER] = layer_cells[i]
        if several_paths:
            row[PATH] = calls.paths[i]
        calls_of_report.append(row)
    outside = totals - own_durations.sum(axis=1)
    report = Report(
        calls=tuple(calls_of_report),
        device_metrics={
            device: {
                "Name": "Total",
                _DURATION: Duration(total_us),
                _DURATION_SAMPLES: Samples(tuple((totals / 1e3).tolist())),
                "Device": device,
                "Count": once,
                **counted.total,
                **about_threads[0],
            }
        },
        configuration={
            **configuration,
            IN_NO_ROW: Duration(float(outside[kept].mean()) / 1e3),
            **counted.in_no_row,
            **notes,
        },
        missing=counted.missing,
    )
    if sampled is not None and SAMPLES not in counted.missing:
        report = add_samples(
            report, sampled.sampled([alignment.place(each.run) for each in sampled.runs])
        )
    rows = [*per_run, *(row for each in collected for _, rows in each.runs for row in rows)]
    check_balance(report, foreign={column for row in rows for column in row})
    return report


def _inclusive_rows(pattern: Run, sites: Sequence[str]) -> list[bool]:
    """Which rows also show what the calls inside them took: none if no calls nest.

    Not a call that lies inside another of the same name: its time is in that
    one's already, and rows of one name are added.
    """
    parents: list[int] = pattern.parents.tolist()
    if max(parents, default=-1) < 0:
        return [False] * len(parents)
    # Of each row its name and those around it. A parent has its row before those inside it.
    within: list[frozenset[str]] = []
    is_outermost = []
    for site, parent in zip(pattern.sites.tolist(), parents, strict=True):
        around = within[parent] if parent >= 0 else frozenset()
        name = sites[site]
        is_outermost.append(name not in around)
        within.append(around if name in around else around | {name})
    return is_outermost


def _add_collected(
    calls: Sequence[dict[str, Metric]], one: CollectedPass, alignment: Alignment
) -> None:
    """Add what a collector said of each call to the ``calls``' cells."""
    by_run: list[list[Row]] = []
    for run, rows in one.runs:
        by_run.append([{} for _ in calls])
        for place, row in zip(alignment.place(run), rows, strict=True):
            by_run[-1][place] = row
    columns = dict.fromkeys(name for rows in by_run for row in rows for name in row)
    for column in columns:
        # There is no Total but the sum of the calls.
        kept = middle_half([sum(_number(row.get(column)) for row in rows) for rows in by_run])
        for i, cells in enumerate(calls):
            metrics = [rows[i].get(column) for rows in by_run]
            if any(metric is not None for metric in metrics):
                cells.update(mean_of(column, metrics, kept))


def _number(metric: Metric | None) -> float:
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return number
    return 0.0
