"""What a large report takes: to build, to write in every form, to read back, to compare.

    python benchmarks/reports.py [--quick] [--json FILE] [--calls N]

A run of so many small calls, five repeats of it timed and five counted, made by hand: what
is timed is what follows the measurement. Seconds of this process, each beside its goal;
the page is made of twice as many calls, and its size has a goal of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from figures import Figure, alone

from vmprof.compare.diff import diff_reports
from vmprof.compare.readers import read_reports
from vmprof.report import Report
from vmprof.report.build import build_report
from vmprof.report.counted import CountedPass
from vmprof.report.kernel_metrics import with_metrics
from vmprof.report.render.view import View, text
from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.run import NOTHING, Run
from vmprof.runs.work import Records

T = TypeVar("T")

CALLS, REPEATS, KERNELS = 100_000, 5, 8
COLUMNS = ("perf::CYCLES", "perf::INSTRUCTIONS")
COUNTED = Layout(COLUMNS, ((0, 1),), untimed=frozenset({0}))
FLOAT32 = 2 | 32 << 8 | 1 << 16
SIGNATURE = np.array([2, FLOAT32, 1, 16, FLOAT32, 1, 16], dtype=np.int64)
GOAL_S, GOAL_BYTES = 2.0, 5_000_000


def recorded(calls: int, random: np.random.Generator, layout: Layout) -> Records:
    """One run of ``calls`` calls of about a microsecond, of :data:`KERNELS` kernels in turn."""
    records = np.zeros(1 + calls, dtype=record_dtype(layout))
    records["site"] = np.concatenate([[-1], np.arange(calls) % KERNELS])
    records["parent"] = np.concatenate([[-1], np.zeros(calls)])
    took = random.integers(500, 1500, calls)
    begin = 100 + np.concatenate([[0], np.cumsum(took + 50)[:-1]])
    records["begin_ns"][1:], records["end_ns"][1:] = begin, begin + took
    records["end_ns"][0] = records["end_ns"][-1] + 100
    if layout.columns:
        for end in ("before", "after"):
            records[end]["0"]["count"] = len(layout.columns)
        values = records["after"]["0"]["values"]
        values[1:, 0], values[1:, 1] = 3 * took, 4 * took + begin % 7
        values[0] = values[1:].sum(axis=0) + 1000
    return records


class Recorded:
    """What the recorder gave of :data:`REPEATS` timed and as many counted runs."""

    def __init__(self, calls: int) -> None:
        random = np.random.default_rng(0)
        self._records = {
            layout: [recorded(calls, random, layout) for _ in range(REPEATS)]
            for layout in (NOTHING, COUNTED)
        }

    def report(self) -> Report:
        """The report of it, as the profiler builds it."""
        timed, counted = (
            [Run.of_records(each, SIGNATURE, layout, timed=layout is NOTHING) for each in records]
            for layout, records in self._records.items()
        )
        report = build_report(
            sites=[f"fused_add_{number}" for number in range(KERNELS)],
            device="cpu0",
            timed=timed,
            passes=[CountedPass(COLUMNS, counted)],
            collected=[],
            per_run=[],
            refused={},
            configuration={"Executor": "VM", "Model": "many small calls"},
        )
        return with_metrics(report, {})


def timed(what: Callable[[], T]) -> tuple[float, T]:
    """Its seconds of processor time, and what it gives."""
    began = time.process_time()
    result = what()
    return time.process_time() - began, result


def figures(calls: int = CALLS, *, quick: bool = False) -> Iterator[Figure]:
    calls = calls // 10 if quick else calls

    def found(name: str, seconds: float, of: int = calls) -> Figure:
        case = f"{of:,} calls"
        goal = GOAL_S if calls >= CALLS else None
        return Figure(case=case, name=name, value=seconds, unit="s", of="this process", goal=goal)

    seconds, report = timed(Recorded(calls).report)
    yield found("building", seconds)
    yield found("table", timed(report.table)[0])
    yield found("table of all calls", timed(lambda: report.table(aggregate=False))[0])
    seconds, csv = timed(report.csv)
    yield found("CSV", seconds)
    yield found("trace", timed(report.trace)[0])
    seconds, json = timed(report.json)
    yield found("JSON", seconds)
    with tempfile.TemporaryDirectory() as folder:
        saved, saved_csv = Path(folder, "report.json"), Path(folder, "report.csv")
        saved.write_text(json)
        saved_csv.write_text(csv)
        seconds, (read,) = timed(lambda: read_reports(saved))
        yield found("reading JSON", seconds)
        yield found("reading CSV", timed(lambda: read_reports(saved_csv))[0])
        show = timed(lambda: text(read_reports(saved)[0].report, View(top=10)))[0]
        yield found("show: reading it, ten rows", show)
    yield found("diff, both read already", timed(lambda: diff_reports(report, read.report))[0])
    many = Recorded(2 * calls).report()
    seconds, page = timed(many.html)
    yield found("page", seconds, 2 * calls)
    yield Figure(
        case=f"{2 * calls:,} calls",
        name="size of the page",
        value=len(page) / 1e6,
        unit="MB",
        of="one file",
        goal=GOAL_BYTES / 1e6 if calls >= CALLS else None,
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N")


if __name__ == "__main__":
    alone(figures, __doc__, arguments)
