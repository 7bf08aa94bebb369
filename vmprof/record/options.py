"""What both ways of recording can be told, and the same on the command line.

Neither TVM nor the native half is loaded for it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmprof.defaults import SAMPLE_RATE, SCOPES
from vmprof.errors import VmprofError

if TYPE_CHECKING:
    from vmprof.counters.reading.collector import NativeCollector
    from vmprof.record.collectors import Collector

_DEFAULT_SET = "default"


@dataclass(frozen=True)
class Counting:
    """What is counted, and of whose work.

    ``counters`` names a counter set (``"ipc"``), its file (``"mine.toml"``) or events in
    perf's grammar (``"cycles,r01c2"``, or a list); ``"none"`` counts nothing. By default
    the five of TVM's reports are counted where any of them can be, else the software events.
    More events than the PMU holds are counted in several passes, or, with ``multiplex``, in
    one in which they take turns. ``count`` says whose work is counted, a name of
    :class:`vmprof.counters.reading.scope.Scope`. ``collectors`` add columns of their own
    (docs/how-to/extending.md).
    """

    counters: str | Sequence[str] | None = None
    multiplex: bool = False
    count: str = SCOPES[0]
    collectors: Sequence[Collector | NativeCollector] = ()

    @property
    def events(self) -> str:
        """``counters`` as one text."""
        if self.counters is None:
            return _DEFAULT_SET
        return self.counters if isinstance(self.counters, str) else ",".join(self.counters)

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, scopes: Sequence[str] = SCOPES) -> None:
        what = parser.add_argument_group("what to count")
        what.add_argument(
            "--counters",
            metavar="WHAT",
            help="a counter set (ipc), its file (mine.toml), events as perf names them "
            "(cycles,r01c2), or none; vmprof events lists both (default: the five of TVM's "
            "reports where the machine has any of them, else the software events)",
        )
        what.add_argument(
            "--multiplex",
            action="store_true",
            help="events that do not fit into the PMU take turns in one pass; each value then says "
            "which part of the time it was counted (default: a pass for each group that fits)",
        )
        meanings = {
            "tasks": "the calling thread, and TVM's workers in their tasks; the default",
            "inherit": "also all threads started while counting, idle or not",
            "process": "all threads",
            "caller": "the calling thread alone",
        }
        what.add_argument(
            "--count",
            choices=scopes,
            default=scopes[0],
            help="whose work a call's counters hold: "
            + ", ".join(f"{scope} ({meanings[scope]})" for scope in scopes),
        )
        what.add_argument(
            "--collector",
            action="append",
            default=[],
            metavar="COLLECTOR",
            help="measure with code of your own: LIBRARY.so, FILE.py:CLASS or MODULE:CLASS; "
            "repeatable",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Counting:
        return cls(
            options.counters, options.multiplex, options.count, collectors_of(options.collector)
        )


def collectors_of(names: Sequence[str]) -> tuple[Collector | NativeCollector, ...]:
    """Loaded, as ``--collector`` names them."""
    if not names:
        return ()
    from vmprof.record.collectors import load_collector  # native code, which takes time to load

    return tuple(load_collector(each) for each in names)


@dataclass(frozen=True)
class Threads:
    """How many threads TVM's pool has, where they run, and whether columns tell of them.

    ``num_threads`` and ``pin`` are as in :func:`vmprof.record.pool.configured_pool`;
    ``threads`` adds columns that say how calls used threads (docs/explanation/threads.md).
    """

    threads: bool = False
    num_threads: int | None = None
    pin: Sequence[int] = ()

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("threads")
        group.add_argument(
            "--threads",
            action="store_true",
            help="columns that say how calls used threads: how many, CPU time, efficiency, "
            "imbalance, waiting",
        )
        group.add_argument(
            "--num-threads",
            type=int,
            metavar="N",
            help="threads of TVM's pool, the calling one included (default: TVM's)",
        )
        group.add_argument(
            "--pin",
            metavar="CPUS",
            help="a CPU for the calling thread, then one for each worker, as in 0-3,8",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Threads:
        pin = parse_cpus(options.pin) if options.pin else ()
        return cls(options.threads, options.num_threads, pin)


@dataclass(frozen=True)
class Sampling:
    """Whether threads are sampled: which event interrupts them, and how often.

    ``sample`` names the event as perf does (``"cycles:pp"``); True is what suits the machine,
    cycles where it has a PMU that tells of them and the clock elsewhere. ``sample_rate`` is in
    samples per second and thread. ``perf_map`` helps another sampler: it tells perf the names of
    functions that are compiled in memory (docs/how-to/flame-graphs.md).
    """

    sample: str | bool = False
    sample_rate: int = SAMPLE_RATE
    perf_map: bool = False

    def __bool__(self) -> bool:
        return bool(self.sample)

    @property
    def event(self) -> str | None:
        """None for what suits the machine."""
        return self.sample if isinstance(self.sample, str) else None

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("sampling")
        group.add_argument(
            "--sample",
            action="store_true",
            help="find out where inside the calls time goes: interrupt the threads again and "
            "again, in runs of their own",
        )
        group.add_argument(
            "--sample-event",
            metavar="EVENT",
            help="what interrupts, as perf names it, also :p and :pp (default: cycles where there "
            "is a PMU, else cpu-clock); implies --sample",
        )
        group.add_argument(
            "--sample-rate",
            type=int,
            metavar="HZ",
            help=f"samples per second and thread (default: {SAMPLE_RATE}); implies --sample",
        )
        group.add_argument(
            "--perf-map",
            action="store_true",
            help="write /tmp/perf-PID.map, by which perf report names functions that were "
            "compiled in memory, and leave it there",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Sampling:
        event, rate = options.sample_event, options.sample_rate
        return cls(
            event or options.sample or rate is not None,
            SAMPLE_RATE if rate is None else rate,
            options.perf_map,
        )


def parse_cpus(text: str) -> tuple[int, ...]:
    """CPUs as Linux writes them, in that order: ``0-3,8`` are 0, 1, 2, 3 and 8."""
    cpus: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part.strip())
        if match is None:
            raise VmprofError(f"cannot pin to {text!r}; write CPUs as in 0-3,8")
        first = int(match[1])
        cpus += range(first, int(match[2] or first) + 1)
    if not cpus or len(set(cpus)) < len(cpus):
        raise VmprofError(f"cannot pin to {text!r}: each CPU may be named once, at least one")
    return tuple(cpus)
