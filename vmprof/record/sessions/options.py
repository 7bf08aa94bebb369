"""The options of a session, and the same on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.defaults import ENGINES, SAMPLE_RATE
from vmprof.errors import VmprofError
from vmprof.record.options import Counting, Sampling, collectors_of

DEFAULT_ENGINE = "tvm"
# Not "process": which threads there are differs for each thread that calls.
SCOPES = ("tasks", "inherit", "caller")
DEFAULT_KEEP = 2_000_000
DEFAULT_MAX_RECORDS = 1 << 17
_LARGEST = 1 << 40


@dataclass(frozen=True)
class SessionOptions(Counting):
    """How a session records; each pass of its counters takes an invocation of its own.

    Collectors are libraries in C: no Python runs inside an invocation for a session's sake.

    ``engine`` is what runs a recorded invocation of TVM's VM: another one of TVM's, made of
    the same executable, or vmprof's. ``keep`` is how many calls the recording holds at most,
    None for all; ``max_records`` how many a thread's buffer has room for. ``sample``,
    ``sample_rate`` and ``perf_map`` are as in :class:`~vmprof.record.options.Sampling`; samples,
    too, take invocations of their own.
    """

    engine: str = DEFAULT_ENGINE
    keep: int | None = DEFAULT_KEEP
    max_records: int = DEFAULT_MAX_RECORDS
    sample: str | bool = False
    sample_rate: int = SAMPLE_RATE
    perf_map: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise VmprofError(
                f"there is no engine {self.engine!r}; there are: {', '.join(ENGINES)}"
            )
        if self.count not in SCOPES:
            raise VmprofError(
                f"a session cannot count {self.count!r}; there are: {', '.join(SCOPES)}"
            )
        if self.keep is not None and self.keep < 1:
            raise VmprofError(f"keep is {self.keep}; at least 1 is needed, or all")
        if not 2 <= self.max_records <= _LARGEST:
            raise VmprofError(f"max_records is {self.max_records}; from 2 to 2^40 is possible")

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.sample, self.sample_rate, self.perf_map)

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, scopes: Sequence[str] = SCOPES) -> None:
        Counting.add_arguments(parser, scopes)
        Sampling.add_arguments(parser)
        how = parser.add_argument_group("how to record")
        how.add_argument(
            "--engine",
            choices=ENGINES,
            default=DEFAULT_ENGINE,
            help="what runs a recorded invocation: TVM's VM, or vmprof's "
            f"(default: {DEFAULT_ENGINE})",
        )
        how.add_argument(
            "--keep",
            type=_keep,
            default=DEFAULT_KEEP,
            metavar="N",
            help="calls that the recording holds at most; of more, every second invocation is "
            f"left out; or all (default: {DEFAULT_KEEP})",
        )
        how.add_argument(
            "--max-records",
            type=int,
            default=DEFAULT_MAX_RECORDS,
            metavar="N",
            help="calls that a thread's buffer has room for; of a longer invocation, calls are "
            f"dropped and counted (default: {DEFAULT_MAX_RECORDS})",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> SessionOptions:
        return cls(
            counters=options.counters,
            multiplex=options.multiplex,
            count=options.count,
            collectors=collectors_of(options.collector),
            engine=options.engine,
            keep=options.keep,
            max_records=options.max_records,
            **vars(Sampling.from_options(options)),
        )


def _keep(text: str) -> int | None:
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 1 up nor all")
    return int(text)
