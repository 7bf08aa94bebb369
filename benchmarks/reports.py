"""What a large report takes: to build, to write in every form, to read back, to compare.

    python benchmarks/reports.py [--calls N]

A run of so many small calls, five repeats of it timed and five counted, made by hand: what
is timed is what follows the measurement. Seconds of this process, each beside its goal;
the page is made of twice as many calls, and its size has a goal of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

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


@contextlib.contextmanager
def timed(what: str, goal: float = GOAL_S) -> Iterator[None]:
    """Print how long what is inside took."""
    began = time.process_time()
    yield
    took = time.process_time() - began
    print(f"{what:>32}: {took:6.2f} s (goal {goal:.0f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N")
    calls = parser.parse_args().calls
    print(f"{calls:,} calls, {REPEATS} repeats timed, {REPEATS} counted")
    recordings = Recorded(calls)
    with timed("building"):
        report = recordings.report()
    with timed("table"):
        report.table()
    with timed("table of all calls"):
        report.table(aggregate=False)
    with timed("CSV"):
        csv = report.csv()
    with timed("trace"):
        report.trace()
    with timed("JSON"):
        json = report.json()
    with tempfile.TemporaryDirectory() as folder:
        saved, saved_csv = Path(folder, "report.json"), Path(folder, "report.csv")
        saved.write_text(json)
        saved_csv.write_text(csv)
        with timed("reading JSON"):
            (read,) = read_reports(saved)
        with timed("reading CSV"):
            read_reports(saved_csv)
        with timed("show: reading it, ten rows"):
            text(read_reports(saved)[0].report, View(top=10))
    with timed("diff, both read already"):
        diff_reports(report, read.report)
    many = Recorded(2 * calls).report()
    with timed(f"page of {2 * calls:,} calls"):
        page = many.html()
    print(f"{'its size':>32}: {len(page) / 1e6:6.2f} MB (goal {GOAL_BYTES / 1e6:.0f})")


if __name__ == "__main__":
    main()
