"""Profiling: what a program gives when engines run it, as reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import tvm

from vmprof.counters import Machine
from vmprof.counters.reading.sampler import Refused, Sampler, open_sampler
from vmprof.defaults import ENGINES
from vmprof.drivers.configuration import configuration, per_run
from vmprof.drivers.memory import memory_facts
from vmprof.drivers.options import Profiling
from vmprof.drivers.peaks import KnownPeaks
from vmprof.errors import VmprofError
from vmprof.inputs import Weights, load_weights, resolve_inputs
from vmprof.program import Program
from vmprof.program.limits import limits_of
from vmprof.progress import Progress, silent
from vmprof.record.collector_columns import told_plainly
from vmprof.record.empty_call import empty_call, wrapped_calls
from vmprof.record.in_memory import ModulesInMemory
from vmprof.record.last_words import will_run
from vmprof.record.launches import recorded_launches
from vmprof.record.perf_map import NAME as PERF_MAP
from vmprof.record.perf_map import PerfMap
from vmprof.record.plan import OpenPlan, Plan
from vmprof.record.pool import configured_pool
from vmprof.record.provenance import provenance_of
from vmprof.record.recorder import Recorder, check_max_records
from vmprof.record.rounds.engines import DispatchLoop, Engine
from vmprof.record.rounds.measurement import Measured, Measurement, measure
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.record.symbols import find_symbol
from vmprof.report.accounts import accounted
from vmprof.report.annotated import with_code, with_vector_widths
from vmprof.report.build import CollectedPass, build_report
from vmprof.report.clocks import ClockRuns
from vmprof.report.counted import CountedPass
from vmprof.report.cpu_time import CPU_METRICS, CPU_TIME
from vmprof.report.derive import derive
from vmprof.report.kernel_metrics import with_kernels, with_metrics
from vmprof.report.model import Report
from vmprof.report.noise import with_provenance
from vmprof.report.roofs import LAUNCH
from vmprof.report.sampled import SAMPLES
from vmprof.report.threads import THREAD_METRICS
from vmprof.sampling.code import Code
from vmprof.sampling.fold import SampledRuns
from vmprof.sampling.maps import Libraries
from vmprof.subject.load import load_program
from vmprof.subject.options import Subject
from vmprof.values import BYTES, FLOPS, FUNCTION, Duration, Metric
from vmprof.vm.executable import Executable
from vmprof.vm.tested import check_tvm
from vmprof.zoo.compiler_half import has_compiler

# Called with what makes the reports, by engine, of what was measured until then.
SoFar = Callable[[Callable[[], Mapping[str, Report]]], None]

_EMPTY_CALLS = 1000
_ENGINES: dict[str, type[Engine]] = dict(zip(ENGINES, (DispatchLoop, WrappedVm), strict=True))


def profile_engines(
    subject: Subject,
    engines: Sequence[str],
    profiling: Profiling,
    *,
    progress: Progress = silent,
    beforehand: Callable[[Mapping[str, Engine]], None] = lambda _: None,
    so_far: SoFar = lambda _: None,
) -> dict[str, Report]:
    """What :func:`vmprof.profile` gives, by engine, of ``engines`` that take turns in one process.

    ``beforehand`` may run the engines before anything is measured. ``so_far`` is called after each
    round, with what makes the reports of those that were measured, without the machine's peaks.
    """
    check(engines)
    rounds = profiling.rounds
    plan = Plan.of(profiling.counting)
    check_max_records(profiling.max_records)
    device = subject.device or tvm.cpu(0)
    entry = subject.entry
    subject, program = _loaded(subject, profiling, progress)
    parameters = program.parameters(entry)
    resolved = resolve_inputs(
        parameters,
        subject.inputs,
        weights=_weights(program, entry, subject.params),
        dimensions=subject.dimensions,
        limits=limits_of(program.bytecode, program.entry(entry), parameters, program.kernels),
        seed=subject.seed,
    )
    number = profiling.threads.num_threads or len(profiling.threads.pin)
    peaks = (
        KnownPeaks(
            number or tvm.runtime.num_threads(),
            measures=profiling.measure_peaks,
            progress=progress,
        )
        if profiling.metrics
        else None
    )
    with ExitStack() as stack:
        open_plan = plan.open(single_pass=rounds.single_pass, find=partial(find_symbol, program))
        opened = stack.enter_context(open_plan.counters)
        # After the counters: `inherit` counts threads that are started from here on.
        pool = stack.enter_context(
            configured_pool(profiling.threads.num_threads, profiling.threads.pin)
        )
        sampler, unsampled = _sampler(profiling, plan.machine, stack)
        recorder = Recorder(
            max(opened.sample_words, sampler.counted.layout.sample_words if sampler else 0),
            profiling.max_records,
            tasks=plan.scope.tasks,
        )
        classes = [_ENGINES[name] for name in engines]
        executable = Executable(program, device, wraps=WrappedVm in classes)
        arguments = resolved.arguments
        running = {name: _ENGINES[name](executable, entry, arguments, recorder) for name in engines}
        code, perf_map = _code(profiling, program)
        if len(running) == 1:  # else a site's number says nothing
            will_run(running[engines[0]].sites)
        beforehand(running)
        with recorded_launches() as problems, told_plainly(plan.in_python):
            told = _Told(
                program,
                entry,
                f"{device.type}{device.index}",
                profiling,
                plan,
                open_plan,
                {
                    **({"Made-up inputs": resolved.made_up} if resolved.made_up else {}),
                    **pool,
                    **perf_map,
                },
                sampler,
                unsampled,
                code,
                recorder,
                problems,
            )
            measured = measure(
                [*running.values()],
                rounds,
                opened,
                plan.in_python,
                progress,
                cpu_time=profiling.threads.threads or profiling.metrics,
                sampler=sampler,
                so_far=lambda part: so_far(lambda: told.reports(running, part(), None)),
            )
        return told.reports(running, measured, peaks)


@dataclass(frozen=True)
class _Told:
    """What reports tell besides what the runs measured: ``facts`` are lines of a configuration.

    ``unsampled`` says why there are no samples, ``problems`` what launches were not seen.
    """

    program: Program
    entry: str
    device: str
    profiling: Profiling
    plan: Plan
    open_plan: OpenPlan
    facts: Mapping[str, Metric]
    sampler: Sampler | None
    unsampled: Mapping[str, str]
    code: Code
    recorder: Recorder
    problems: Sequence[str]

    def reports(
        self, running: Mapping[str, Engine], measured: Measured, peaks: KnownPeaks | None
    ) -> dict[str, Report]:
        """Of each engine, by its name; ``peaks`` are those of the machine, if they are wanted."""
        library = self.program.library
        provenance = provenance_of(
            self.plan.machine, measured.activity, [library] if library else []
        )
        reports = {}
        for (name, engine), measurement in zip(running.items(), measured.measurements, strict=True):
            report = self._report(name, engine, measured, measurement)
            if self.profiling.metrics:
                unknown = _unknown_cost(self.program)
                report = replace(report, missing={**report.missing, **unknown})
                report = with_vector_widths(with_metrics(report, self.program.kernels))
            if peaks is not None:
                report = peaks.applied_to(report, _launch())
            reports[name] = with_provenance(report, provenance)
        return reports

    def _report(
        self, name: str, engine: Engine, measured: Measured, measurement: Measurement
    ) -> Report:
        opened, sampler, rounds = self.open_plan.counters, self.sampler, self.profiling.rounds
        callees = [site.callee for site in engine.sites]
        # In a single pass the runs that are timed also count: not tasks, if counters see others.
        blind = rounds.single_pass and not self.plan.scope.tasks
        threads, clocks = self.profiling.threads.threads and not blind, opened.clocks
        report = build_report(
            sites=callees,
            device=self.device,
            timed=measurement.timed,
            passes=[
                CountedPass(one.layout.columns, runs, opened.unproven)
                for one, runs in zip(opened.passes, measurement.counted, strict=True)
            ],
            collected=[CollectedPass(runs) for runs in measurement.collected],
            per_run=per_run(opened, measurement),
            refused={
                **opened.refused,
                **opened.wide.never_read(measurement.wide),
                **{
                    each.name: "this collector gave no column: its stop() returned none"
                    for each in self.plan.in_python
                    if not each.columns
                },
                **self._untold(blind=blind),
                **self.unsampled,
            },
            configuration={
                **configuration(
                    self.program,
                    name,
                    rounds,
                    measured=measured,
                    plan=self.open_plan,
                    measurement=measurement,
                ),
                FUNCTION: self.entry,
                **self.facts,
                **({"Sampling": sampler.described()} if sampler else {}),
                **memory_facts(measurement.timed, callees, missed=self.recorder.missed_storages),
                **self._empty_calls(),
                **self._unseen(),
            },
            clocks=ClockRuns(clocks, measurement.cpu, measurement.watch) if clocks else None,
            threads=threads,
            layers=engine.layers,
            sampled=SampledRuns.of(
                sampler.event, sampler.unit, sampler.rate, measurement.sampled, self.code
            )
            if sampler
            else None,
        )
        derived = [
            *self.open_plan.counted.metrics,
            *(THREAD_METRICS if threads else ()),
            *(CPU_METRICS if clocks and self._reads_cpu_time else ()),
        ]
        report = with_kernels(with_code(report, self.code.contents), self.program.kernels)
        asked = opened.asked | {each.column: each.column for each in derived}
        return accounted(derive(report, derived), asked)

    @property
    def _reads_cpu_time(self) -> bool:
        return self.profiling.threads.threads or self.profiling.metrics

    def _untold(self, *, blind: bool) -> dict[str, str]:
        """Why columns that were asked for are not there."""
        untold = {}
        single_pass = self.profiling.rounds.single_pass
        if self.profiling.threads.threads and blind:
            untold["Threads"] = (
                f"with --count {self.plan.scope.name} and --single-pass, no run tells tasks"
            )
        if self._reads_cpu_time and self.open_plan.counters.clocks is None:
            untold[CPU_TIME] = (
                "it is read in runs of its own, which --single-pass does without"
                if single_pass
                else "task-clock cannot be counted for other threads here"
            )
        return untold

    def _empty_calls(self) -> dict[str, Metric]:
        calls = wrapped_calls(self.recorder, min(_EMPTY_CALLS, self.profiling.max_records))
        readings = self.profiling.rounds.readings(self.open_plan.counters.passes)
        found = empty_call(self.recorder, calls, readings)
        return {f"Empty call {what}": value for what, value in found.items()}

    def _unseen(self) -> dict[str, Metric]:
        if not (self.problems and self.plan.scope.tasks):
            return {}
        return {"Launches": f"only the calling thread was counted: {self.problems[0]}"}


def _code(profiling: Profiling, program: Program) -> tuple[Code, dict[str, Metric]]:
    """Where samples will be looked up; and what is told of the map for perf, if one is wanted."""
    in_memory = ModulesInMemory(program.module)
    code = Code(Libraries(in_memory.described))
    if not profiling.sampling.perf_map:
        return code, {}
    perf_map = PerfMap()
    perf_map.write(in_memory)
    return code, {PERF_MAP: perf_map.told()}


def _loaded(subject: Subject, profiling: Profiling, progress: Progress) -> tuple[Subject, Program]:
    """The program of ``subject``, which has other ``params`` once it is compiled for a target."""
    name = subject.name
    if subject.toolchain:
        # TVM's compiler, which there may be none of where a finished library is run.
        from vmprof.subject.cross import compiled_for
        from vmprof.zoo.lowering.host import this_target

        subject = compiled_for(subject, this_target(), progress)
    program = load_program(
        subject.source,
        entry=subject.entry,
        schedule=subject.schedule,
        # perf would look for the library when it is gone.
        in_library=bool(profiling.sampling) and not profiling.sampling.perf_map,
        progress=progress,
    )
    return subject, replace(program, name=name) if subject.toolchain else program


def _launch() -> dict[str, Metric]:
    """What a launch takes, where there is TVM's compiler to make one."""
    if not has_compiler():
        return {}
    from vmprof.zoo.peaks.launch import launch_us

    return {LAUNCH: Duration(launch_us())}


def check(engines: Sequence[str]) -> None:
    """:class:`VmprofError` if there is no such engine, or none of this TVM can be believed."""
    for name in engines:
        if name not in ENGINES:
            raise VmprofError(f"there is no engine {name!r}; there are: {', '.join(ENGINES)}")
    check_tvm()


def _sampler(
    profiling: Profiling, machine: Machine, stack: ExitStack
) -> tuple[Sampler | None, dict[str, str]]:
    """What samples, or why nothing does, if it was asked for."""
    sampling = profiling.sampling
    if not sampling:
        return None, {}
    if profiling.rounds.single_pass:
        return None, {
            SAMPLES: "samples are taken in runs of their own, which --single-pass does without"
        }
    try:
        return stack.enter_context(open_sampler(sampling.event, sampling.sample_rate, machine)), {}
    except Refused as refused:
        return None, {SAMPLES: str(refused)}


def _unknown_cost(program: Program) -> dict[str, str]:
    """Why there are no operations to be shown, if there are none."""
    if program.kernels:
        return {}
    reason = (
        f"nothing is known of the kernels of {program.name} but their names; compile it with "
        "vmprof.compile, or with vmprof.KernelInfo beside tvm.compile (docs/how-to/models.md)"
    )
    return dict.fromkeys((FLOPS, BYTES), reason)


def _weights(
    program: Program, entry: str, params: Weights | str | os.PathLike[str] | None
) -> Weights:
    """``params``, or else those that the model brought."""
    if params is None:
        return program.brought_weights(entry)
    return load_weights(params) if isinstance(params, str | os.PathLike) else params
