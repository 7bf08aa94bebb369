"""Profiling: from whatever the user hands in to a Report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import stdev
from typing import Any

import tvm
from tvm.runtime import Device

from vmprof.counters import Counters, Machine, open_counters
from vmprof.counters.reading.collector import NativeCollector
from vmprof.counters.reading.scope import Scope
from vmprof.counters.sets import CounterSet, choose, load_set
from vmprof.defaults import DEFAULT_ENGINE, DEFAULT_MAX_RECORDS, ENGINES
from vmprof.errors import VmprofError
from vmprof.inputs import Given, Weights, load_weights, resolve_inputs
from vmprof.program import Program
from vmprof.program.bytecode import FunctionKind
from vmprof.program.limits import limits_of
from vmprof.progress import Progress, silent
from vmprof.record.launches import recorded_launches
from vmprof.record.pool import configured_pool
from vmprof.record.recorder import Recorder, check_max_records
from vmprof.record.rounds.collector_columns import CheckedCollector, ColumnNames, told_plainly
from vmprof.record.rounds.collectors import Collector, check_collector
from vmprof.record.rounds.engines import DispatchLoop, Engine
from vmprof.record.rounds.hooked import HookedVm
from vmprof.record.rounds.measurement import Measurement, measure
from vmprof.record.rounds.schedule import Schedule
from vmprof.record.rounds.warmth import Warmth
from vmprof.record.symbols import find_symbol
from vmprof.report.accounts import accounted
from vmprof.report.build import CollectedPass, build_report
from vmprof.report.clocks import ClockRuns
from vmprof.report.counted import CountedPass
from vmprof.report.cpu_time import CPU_METRICS, CPU_TIME
from vmprof.report.derive import derive
from vmprof.report.estimator import ESTIMATOR, middle_mean
from vmprof.report.kernel_metrics import with_kernels, with_metrics
from vmprof.report.model import Report
from vmprof.report.threads import THREAD_METRICS
from vmprof.runs.run import NOTHING
from vmprof.subject.load import Source, load_program
from vmprof.values import BYTES, FLOPS, SAMPLES_SUFFIX, Count, Duration, Metric, Samples
from vmprof.version import __version__
from vmprof.vm.executable import Executable
from vmprof.zoo.peaks import with_known_peaks

DEFAULT_SET = "default"
_ENGINES: dict[str, type[Engine]] = dict(zip(ENGINES, (DispatchLoop, HookedVm), strict=True))

_EMPTY_CALLS = 1000


def profile(
    source: Source,
    inputs: Given | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    entry: str = "main",
    counters: str | Sequence[str] | None = None,
    repeats: int | None = None,
    warmup: int = 1,
    single_pass: bool = False,
    cold: bool = False,
    multiplex: bool = False,
    collectors: Sequence[Collector | NativeCollector] = (),
    count: str = "tasks",
    threads: bool = False,
    num_threads: int | None = None,
    pin: Sequence[int] = (),
    max_records: int = DEFAULT_MAX_RECORDS,
    metrics: bool = False,
    schedule: str | None = None,
    dimensions: Mapping[str, int] | None = None,
    params: Weights | str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = silent,
    **named_inputs: Any,
) -> Report:
    """Run ``source`` and say what each of its calls cost.

    ``source`` is anything that :func:`vmprof.subject.load.load_program` takes;
    ``inputs``, ``dimensions`` and ``seed`` are as in
    :func:`vmprof.inputs.resolve_inputs`. Any other keyword is an input by name.
    ``params`` are weights by name, or a .safetensors or .npz file of them.
    ``engine`` is what runs it: vmprof's own dispatch loop, or ``"tvm"``, TVM's VM with
    the recorder as its instrument.
    ``counters`` names a counter set (``"ipc"``),
    its file (``"mine.toml"``) or events in perf's grammar (``"cycles,r01c2"``, or a list);
    ``"none"`` counts nothing. By default the five of TVM's reports are counted
    where any of them can be, else the software events. ``repeats``, ``warmup``,
    ``single_pass`` and ``cold`` are as in :class:`Schedule`; ``max_records`` bounds the calls
    of one run.
    More events than the PMU holds are counted in several passes over the
    model, or, with ``multiplex``, in one in which they take turns.
    ``collectors`` add columns of their own (docs/extending.md). ``metrics`` adds
    those of :mod:`vmprof.report.kernel_metrics`: GFLOP/s, GB/s, ..., and their shares of
    what the machine attains, if ``vmprof peaks`` has measured that. ``schedule``
    is as in :func:`vmprof.subject.load.load_program`. ``count`` says whose work is
    counted, a name of :class:`Scope`; ``threads`` adds columns that say how calls
    used threads (docs/threads.md). ``num_threads`` and ``pin`` are as in
    :func:`vmprof.record.pool.configured_pool`.

    Values of the report are means over the middle half of the repeats
    (:mod:`vmprof.report.estimator`), so that rows and what is in no row add up to Total;
    what each repeat measured is in the columns ``"... samples"`` of its JSON. Raises
    :class:`VmprofError` for what the user can mend, and whatever a kernel
    raises, with a note that says which instruction called it.
    """
    if counters is not None and not isinstance(counters, str):
        counters = ",".join(counters)
    reports = profile_engines(
        source,
        _with_named(inputs, named_inputs),
        engines=[engine],
        entry=entry,
        counters=counters,
        schedule=Schedule(repeats, warmup, single_pass, cold),
        multiplex=multiplex,
        collectors=collectors,
        count=count,
        threads=threads,
        num_threads=num_threads,
        pin=pin,
        max_records=max_records,
        dimensions=dimensions,
        params=params,
        seed=seed,
        metrics=metrics,
        compile_schedule=schedule,
        device=device,
        progress=progress,
    )
    return reports[engine]


def _weights(
    program: Program, entry: str, params: Weights | str | os.PathLike[str] | None
) -> Weights:
    """``params``, or else those that the model brought."""
    if params is None:
        brought = program.weights.get(entry, ())
        names = [parameter.name for parameter in program.parameters(entry)]
        return dict(zip(names[len(names) - len(brought) :], brought, strict=True))
    return load_weights(params) if isinstance(params, str | os.PathLike) else params


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


def profile_engines(
    source: Source,
    inputs: Given | None = None,
    *,
    engines: Sequence[str],
    schedule: Schedule,
    entry: str = "main",
    counters: str | None = None,
    multiplex: bool = False,
    collectors: Sequence[Collector | NativeCollector] = (),
    count: str = "tasks",
    threads: bool = False,
    num_threads: int | None = None,
    pin: Sequence[int] = (),
    max_records: int = DEFAULT_MAX_RECORDS,
    metrics: bool = False,
    compile_schedule: str | None = None,
    dimensions: Mapping[str, int] | None = None,
    params: Weights | str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = silent,
    beforehand: Callable[[Mapping[str, Engine]], None] = lambda _: None,
) -> dict[str, Report]:
    """What :func:`profile` gives, by engine, of ``engines`` that take turns in one process.

    Of several engines the rows are of calls that all of them can see.
    ``compile_schedule`` is what :func:`profile` calls ``schedule``; ``beforehand``
    may run the engines before anything is measured.
    """
    for name in engines:
        if name not in ENGINES:
            raise VmprofError(f"there is no engine {name!r}; there are: {', '.join(ENGINES)}")
    scope = Scope(count)
    description = Machine.read()
    chosen = choose(DEFAULT_SET if counters is None else counters, description)
    fallback = load_set(chosen.fallback, description) if chosen.fallback else None
    check_max_records(max_records)
    device = device or tvm.cpu(0)
    program = load_program(source, entry=entry, schedule=compile_schedule, progress=progress)
    parameters = program.parameters(entry)
    resolved = resolve_inputs(
        parameters,
        inputs,
        weights=_weights(program, entry, params),
        dimensions=dimensions,
        limits=limits_of(program.bytecode, program.entry(entry), parameters, program.kernels),
        seed=seed,
    )
    names = ColumnNames(_counted_columns(chosen, fallback))
    collectors = [check_collector(each, type(each).__name__) for each in collectors]
    in_python = [
        CheckedCollector(each, names)
        for each in collectors
        if not isinstance(each, NativeCollector)
    ]
    in_c = [
        replace(each, claim=names.claim) for each in collectors if isinstance(each, NativeCollector)
    ]
    with ExitStack() as stack:
        opened = stack.enter_context(
            open_counters(
                chosen.groups,
                description,
                otherwise=fallback.groups if fallback else (),
                multiplex=multiplex,
                single_pass=schedule.single_pass,
                collectors=in_c,
                scope=scope,
                find=partial(find_symbol, program),
            )
        )
        # After the counters: `inherit` counts threads that are started from here on.
        pool = stack.enter_context(configured_pool(num_threads, pin))
        recorder = Recorder(opened.sample_words, max_records, tasks=scope.tasks)
        executable = Executable(program, device)
        arguments = resolved.arguments
        running = {
            name: _ENGINES[name](executable, entry, arguments, recorder, common=len(engines) > 1)
            for name in engines
        }
        beforehand(running)
        with recorded_launches() as problems, told_plainly(in_python):
            warmth, measurements = measure(
                [*running.values()],
                schedule,
                opened,
                in_python,
                progress,
                cpu_time=threads or metrics,
            )
        unseen: dict[str, Metric] = (
            {"Launches": f"only the calling thread was counted: {problems[0]}"}
            if problems and scope.tasks
            else {}
        )
        gave_nothing = {
            each.name: "this collector gave no column: its stop() returned none"
            for each in in_python
            if not each.columns
        }
        # In a single pass the runs that are timed also count: not tasks, if counters see others.
        blind = schedule.single_pass and not scope.tasks
        untold = {}
        if threads and blind:
            untold["Threads"] = f"with --count {scope.name} and --single-pass, no run tells tasks"
        if (threads or metrics) and opened.clocks is None:
            untold[CPU_TIME] = (
                "it is read in runs of its own, which --single-pass does without"
                if schedule.single_pass
                else "task-clock cannot be counted for other threads here"
            )
        counted = fallback if fallback and opened.fell_back else chosen
        reports = {}
        for (name, engine), measurement in zip(running.items(), measurements, strict=True):
            empty_call = _empty_call(engine, schedule, opened, min(_EMPTY_CALLS, max_records))
            report = build_report(
                sites=[site.callee for site in engine.sites],
                device=f"{device.type}{device.index}",
                timed=measurement.timed,
                passes=[
                    CountedPass(one.layout.columns, runs, opened.unproven)
                    for one, runs in zip(opened.passes, measurement.counted, strict=True)
                ],
                collected=[CollectedPass(runs) for runs in measurement.collected],
                per_run=_per_run(opened, measurement),
                refused={
                    **opened.refused,
                    **opened.wide.never_read(measurement.wide),
                    **gave_nothing,
                    **untold,
                },
                configuration={
                    **_configuration(
                        program,
                        name,
                        schedule,
                        warmth=warmth,
                        counters=opened,
                        measurement=measurement,
                    ),
                    **({"Made-up inputs": resolved.made_up} if resolved.made_up else {}),
                    **pool,
                    **({"Counter set": _title(counted)} if counted.name else {}),
                    **empty_call,
                    **unseen,
                },
                clocks=ClockRuns(opened.clocks, measurement.cpu, measurement.watch)
                if opened.clocks
                else None,
                threads=threads and not blind,
            )
            derived = [
                *counted.metrics,
                *(THREAD_METRICS if threads and not blind else ()),
                *(CPU_METRICS if opened.clocks and (threads or metrics) else ()),
            ]
            report = derive(with_kernels(report, program.kernels), derived)
            report = accounted(report, opened.asked | {d.column: d.column for d in derived})
            if metrics:
                report = replace(report, missing={**report.missing, **_unknown_cost(program)})
                report = with_known_peaks(with_metrics(report, program.kernels))
            reports[name] = report
    return reports


def _unknown_cost(program: Program) -> dict[str, str]:
    """Why there are no operations to be shown, if there are none."""
    if program.kernels:
        return {}
    reason = (
        f"nothing is known of the kernels of {program.name} but their names; compile it with "
        "vmprof.compile, or with vmprof.KernelInfo beside tvm.compile (docs/models.md)"
    )
    return dict.fromkeys((FLOPS, BYTES), reason)


def _counted_columns(*sets: CounterSet | None) -> list[str]:
    """The columns of events, and what is derived from them."""
    return [
        column
        for each in sets
        if each is not None
        for column in (
            *(event.name for group in each.groups for event in group),
            *(metric.column for metric in each.metrics),
        )
    ]


def _title(counters: CounterSet) -> str:
    return counters.name + (f" ({counters.processors})" if counters.processors else "")


def _per_run(counters: Counters, measurement: Measurement) -> list[Mapping[str, Metric]]:
    """What was measured of each timed run as a whole, besides the counters of its thread."""
    return [
        {
            **{
                column: Count(count)
                for column, count in zip(counters.wide.columns, counts, strict=True)
                if count is not None
            },
            **row,
        }
        for counts, row in zip(measurement.wide, measurement.per_run, strict=True)
    ]


def _empty_call(
    engine: Engine, schedule: Schedule, counters: Counters, calls: int
) -> dict[str, Metric]:
    """What windows read around nothing, as rows are estimated: the least that any can show."""
    result: dict[str, Metric] = {}
    for reading, counted in schedule.readings(counters.passes):
        recording = engine.record_empty_calls(reading, counted, calls)
        if recording.durations_ns is not None:
            result["Empty call (us)"] = Duration(middle_mean(recording.durations_ns.tolist()) / 1e3)
        layout = counted.layout if counted else NOTHING
        if recording.counts is not None and not layout.multiplexed:
            for column, values in zip(layout.columns, recording.counts.values.T, strict=True):
                result[f"Empty call {column}"] = Count(round(middle_mean(values.tolist())))
    return result


def _configuration(
    program: Program,
    engine: str,
    schedule: Schedule,
    *,
    warmth: Warmth,
    counters: Counters,
    measurement: Measurement,
) -> dict[str, Metric]:
    times = measurement.unprofiled_us
    configuration: dict[str, Metric] = {
        "Number of threads": Count(tvm.runtime.num_threads()),
        "Executor": "VM",
        "Engine": engine,
        "Model": program.name,
        "Unprofiled mean (us)": Duration(middle_mean(times)),
        "Unprofiled std (us)": Duration(stdev(times) if len(times) > 1 else 0.0),
        f"Unprofiled mean (us){SAMPLES_SUFFIX}": Samples(tuple(times)),
        "Repeats": Count(len(times)),
        "Warm-up": Count(schedule.warmup),
        "Measured runs": warmth.described,
        "Estimator": ESTIMATOR,
        "vmprof": __version__,
        "TVM": tvm.__version__,
    }
    native = [f.name for f in program.bytecode.functions if f.kind is FunctionKind.VMTIR]
    if native:
        configuration["Native code"] = (
            f'{", ".join(native)} (exec_mode="compiled"): of the calls inside, those have rows '
            "that go through the table of functions"
        )
    if counters.passes:
        configuration["Counters"] = (
            f"{counters.scope.seen}, "
            + ("user space only" if counters.user_only else "user space and kernel")
            + ", "
            + ("in the runs that are timed" if schedule.single_pass else "in runs of their own")
        )
        configuration["Counters do not tell"] = counters.scope.unseen
    for number, one in enumerate(counters.passes, start=1):
        columns = ", ".join(one.layout.columns)
        configuration[f"Counters, pass {number}"] = f"{columns}; read {one.how}"
    configuration |= counters.notes
    if counters.wide.columns:
        configuration["Counted per run"] = (
            f"{', '.join(counters.wide.columns)}: of whole processors or packages during a timed "
            "run, whoever used them"
        )
    return configuration
