"""What the keywords of :func:`vmprof.profile` mean, wherever it is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, ParamSpec, Protocol, TypeVar

from tvm.runtime import Device

from vmprof.counters.reading.collector import NativeCollector
from vmprof.defaults import DEFAULT_ENGINE, DEFAULT_MAX_RECORDS, SAMPLE_RATE, SCOPES
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.inputs import Given, Weights
from vmprof.progress import Progress, silent
from vmprof.record.collectors import Collector
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.options import Rounds
from vmprof.report.model import Report
from vmprof.subject.load import Source
from vmprof.subject.options import DEFAULT_ENTRY, Subject
from vmprof.zoo.options import Toolchain

_Keywords = ParamSpec("_Keywords")
_Result = TypeVar("_Result")


class ProfilingHost(Protocol):
    """Another host, as it lies above what is done on this one: :class:`vmprof.Remote`."""

    def profile(
        self,
        subject: Subject,
        profiling: Profiling,
        engine: str,
        *,
        starts: int,
        progress: Progress,
    ) -> Report: ...


@dataclass(frozen=True)
class Wanted:
    """``subject``, profiled by ``engine`` in so many ``processes``; on another host ``remote``."""

    subject: Subject
    profiling: Profiling
    engine: str = DEFAULT_ENGINE
    processes: int = 1
    remote: ProfilingHost | None = None
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise VmprofError(f"processes is {self.processes}; at least 1 is needed")


def wanted(
    source: Source,
    inputs: Given | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    entry: str = DEFAULT_ENTRY,
    counters: str | Sequence[str] | None = None,
    repeats: int | None = None,
    warmup: int | None = None,
    single_pass: bool = False,
    cold: bool = False,
    multiplex: bool = False,
    collectors: Sequence[Collector | NativeCollector] = (),
    count: str = SCOPES[0],
    threads: bool = False,
    num_threads: int | None = None,
    pin: Sequence[int] = (),
    max_records: int = DEFAULT_MAX_RECORDS,
    metrics: bool = False,
    measure_peaks: bool = True,
    sample: str | bool = False,
    sample_rate: int = SAMPLE_RATE,
    perf_map: bool = False,
    schedule: str | None = None,
    dimensions: Mapping[str, int] | None = None,
    params: Weights | str | os.PathLike[str] | None = None,
    seed: int = 0,
    target: str | Toolchain | None = None,
    device: Device | None = None,
    processes: int = 1,
    remote: ProfilingHost | None = None,
    progress: Progress = silent,
    **named_inputs: Any,
) -> Wanted:
    """What these keywords ask for; see :func:`vmprof.profile`."""
    subject = Subject(
        source,
        _with_named(inputs, named_inputs),
        entry,
        params,
        dimensions,
        seed,
        schedule,
        device,
        toolchain=target if isinstance(target, Toolchain) else Toolchain(target),
    )
    profiling = Profiling(
        Counting(counters, multiplex, count, collectors),
        Rounds(repeats, warmup, single_pass, cold),
        Threads(threads, num_threads, pin),
        metrics,
        max_records,
        Sampling(sample, sample_rate, perf_map),
        measure_peaks,
    )
    return Wanted(subject, profiling, engine, processes, remote, progress)


def takes(
    keywords: Callable[_Keywords, Wanted],
) -> Callable[[Callable[[Wanted], _Result]], Callable[_Keywords, _Result]]:
    """Makes a function of what is wanted one that is called with ``keywords``."""

    def decorate(function: Callable[[Wanted], _Result]) -> Callable[_Keywords, _Result]:
        def called(*args: _Keywords.args, **named: _Keywords.kwargs) -> _Result:
            return function(keywords(*args, **named))

        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(called, name, getattr(function, name))
        annotation = signature(function).return_annotation
        called.__signature__ = signature(keywords).replace(  # type: ignore[attr-defined]
            return_annotation=annotation
        )
        return called

    return decorate


def _with_named(inputs: Given, named: Mapping[str, Any]) -> Given:
    """``inputs`` and those that were given as keywords."""
    if not named:
        return inputs
    if inputs is not None and not isinstance(inputs, Mapping):
        raise VmprofError(
            f"{', '.join(named)}: give inputs in order or by name; or is it an option of "
            "vmprof.profile, misspelt?"
        )
    return {**(inputs or {}), **named}
