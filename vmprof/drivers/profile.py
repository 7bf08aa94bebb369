"""Profiling from Python: keywords in, a Report out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from tvm.runtime import Device

from vmprof.counters.reading.collector import NativeCollector
from vmprof.defaults import DEFAULT_ENGINE, DEFAULT_MAX_RECORDS, SAMPLE_RATE, SCOPES
from vmprof.drivers.engines import check, profile_engines
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


def profile(
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
) -> Report:
    """Run ``source`` and say what each of its calls cost.

    ``source``, ``inputs``, ``entry``, ``params``, ``dimensions``, ``seed``, ``schedule`` and
    ``device`` are what is run: :class:`~vmprof.subject.options.Subject`; ``target`` is what it is
    compiled for, or a :class:`~vmprof.zoo.options.Toolchain`. Any other keyword is an input by
    name. ``engine`` is what runs it: vmprof's own dispatch loop, or ``"tvm"``, TVM's
    VM with the recorder as its instrument.

    ``counters``, ``multiplex``, ``count`` and ``collectors`` say what is counted:
    :class:`~vmprof.record.options.Counting`; ``repeats``, ``warmup``, ``single_pass`` and
    ``cold`` how often it is run: :class:`~vmprof.record.rounds.options.Rounds`; ``threads``,
    ``num_threads`` and ``pin`` are of :class:`~vmprof.record.options.Threads`, ``collectors``,
    ``metrics``, ``measure_peaks`` and ``max_records`` of
    :class:`~vmprof.drivers.options.Profiling`, ``sample``, ``sample_rate`` and
    ``perf_map`` of :class:`~vmprof.record.options.Sampling`.

    With ``remote``, a :class:`vmprof.Remote`, all of it happens on that host.

    Values of the report are means over the middle half of the repeats
    (:mod:`vmprof.report.estimator`), so that rows and what is in no row add up to Total;
    what each repeat measured is in the columns ``"... samples"`` of its JSON. With several
    ``processes`` it is measured in so many fresh ones, one after the other, and the report has the
    means over them and what each measured (:mod:`vmprof.report.starts`): ``source`` is best a file
    then, and a script does it below ``if __name__ == "__main__":``. Raises
    :class:`VmprofError` for what the user can mend, and whatever a kernel
    raises, with a note that says which instruction called it.
    """
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
    if processes < 1:
        raise VmprofError(f"processes is {processes}; at least 1 is needed")
    if remote is not None:
        return remote.profile(subject, profiling, engine, starts=processes, progress=progress)
    if processes == 1:
        return profile_engines(subject, [engine], profiling, progress=progress)[engine]
    # Few need it, and all would wait for it.
    from vmprof.drivers.processes import in_processes
    from vmprof.report.starts import joined

    check([engine])
    make = partial(_profiled, subject, engine, profiling)
    (reports,) = in_processes([make], processes, progress=progress)
    return joined(reports)


def _profiled(subject: Subject, engine: str, profiling: Profiling, progress: Progress) -> Report:
    return profile_engines(subject, [engine], profiling, progress=progress)[engine]


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
