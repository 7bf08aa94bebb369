"""How a program is profiled, and the same on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

from vmprof.defaults import AUTO_MIN_REPEATS, DEFAULT_MAX_RECORDS
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.options import Rounds


@dataclass(frozen=True)
class Profiling:
    """What is counted, how often it is run for that, and what else is measured.

    ``metrics`` adds the columns of
    :mod:`vmprof.report.kernel_metrics`: GFLOP/s, GB/s, ..., their shares of what the machine
    attains, and what bounds each operator. What it attains is measured for that, if
    ``measure_peaks`` and no recent measurement is kept. ``max_records`` bounds the calls of
    one run.
    """

    counting: Counting = field(default_factory=Counting)
    rounds: Rounds = field(default_factory=Rounds)
    threads: Threads = field(default_factory=Threads)
    metrics: bool = False
    max_records: int = DEFAULT_MAX_RECORDS
    sampling: Sampling = field(default_factory=Sampling)
    measure_peaks: bool = True

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, at_least: int = AUTO_MIN_REPEATS) -> None:
        Rounds.add_arguments(parser, at_least)
        Counting.add_arguments(parser)
        Threads.add_arguments(parser)
        Sampling.add_arguments(parser)
        more = parser.add_argument_group("what else to measure")
        more.add_argument(
            "--metrics",
            action="store_true",
            help="columns that say how well a kernel uses the machine, and what bounds it: "
            "GFLOP/s, GB/s, shares of the peaks, Bound; and of the counters that there are IPC, "
            "misses per 1000 instructions, stalled shares",
        )
        more.add_argument(
            "--no-peaks",
            dest="measure_peaks",
            action="store_false",
            help="with --metrics, do not measure what this machine attains if it is not known yet",
        )
        more.add_argument(
            "--max-records",
            type=int,
            default=DEFAULT_MAX_RECORDS,
            metavar="N",
            help="calls of one run that the recorder has room for "
            f"(default: {DEFAULT_MAX_RECORDS})",
        )

    @classmethod
    def from_options(
        cls, options: argparse.Namespace, at_least: int = AUTO_MIN_REPEATS
    ) -> Profiling:
        return cls(
            Counting.from_options(options),
            Rounds.from_options(options, at_least),
            Threads.from_options(options),
            options.metrics,
            options.max_records,
            Sampling.from_options(options),
            options.measure_peaks,
        )
