"""Profiling: runs a program in passes, on vmprof's machine and on TVM's own in turn."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
import tvm
from tvm.runtime import Device
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof.counters.events import REFERENCE, SOFTWARE_EVENTS, parse_events
from vmprof.counters.machine import Machine
from vmprof.counters.plan import Counters, Pass, open_counters
from vmprof.errors import VmprofError, add_note
from vmprof.inputs import Given, make_inputs
from vmprof.machine import Interpreter, Site
from vmprof.native import empty
from vmprof.program import Program, parameters_of
from vmprof.program.bytecode import FunctionKind
from vmprof.progress import Progress, silent
from vmprof.recorder import DEFAULT_MAX_RECORDS, Reading, Recorder, check_max_records
from vmprof.recording import NOTHING, Recording
from vmprof.report.build import CountedPass, build_report
from vmprof.report.model import SAMPLES_SUFFIX, Count, Duration, Metric, Report, Samples
from vmprof.sources import Source, load_program
from vmprof.version import __version__

# Without a number of repeats, as many as fit into this time, within these bounds.
AUTO_SECONDS = 10.0
AUTO_MIN_REPEATS = 3
AUTO_MAX_REPEATS = 30

_EMPTY_CALLS = 1000


@dataclass(frozen=True)
class Schedule:
    """How often to run, and what to read in which run.

    A round runs TVM's VM once, without profiling, then vmprof's machine once
    per pass. ``repeats`` rounds are measured, after ``warmup`` that are not;
    None means as many as fit into ten seconds, from 3 to 30. ``single_pass``
    reads clock and counters in one run, for models that keep state.
    """

    repeats: int | None = None
    warmup: int = 1
    single_pass: bool = False

    def __post_init__(self) -> None:
        if self.repeats is not None and self.repeats < 1:
            raise VmprofError(f"repeats is {self.repeats}; at least 1 is needed")
        if self.warmup < 0:
            raise VmprofError(f"warmup is {self.warmup}; it cannot be negative")

    def readings(self, passes: Sequence[Pass]) -> list[tuple[Reading, Pass | None]]:
        """What each run of vmprof's machine in a round reads."""
        if self.single_pass and passes:
            (together,) = passes
            return [(Reading.TIME | Reading.COUNTERS, together)]
        return [(Reading.TIME, None), *((Reading.COUNTERS, one) for one in passes)]

    @property
    def expected(self) -> str:
        """How many rounds to measure, as a user reads it."""
        return str(self.repeats or f"at most {AUTO_MAX_REPEATS}")

    def rounds(self) -> Iterator[int]:
        """The numbers of the rounds to measure, from 1."""
        began = time.monotonic()
        done = 0
        while not self._enough(done, time.monotonic() - began):
            done += 1
            yield done

    def _enough(self, done: int, seconds: float) -> bool:
        if self.repeats is not None:
            return done >= self.repeats
        if done < AUTO_MIN_REPEATS:
            return False
        # Stop before the round that would not fit.
        return done >= AUTO_MAX_REPEATS or seconds * (done + 1) / done > AUTO_SECONDS


def profile(
    source: Source,
    inputs: Given | None = None,
    *,
    entry: str = "main",
    counters: str | None = None,
    repeats: int | None = None,
    warmup: int = 1,
    single_pass: bool = False,
    multiplex: bool = False,
    max_records: int = DEFAULT_MAX_RECORDS,
    dimensions: Mapping[str, int] | None = None,
    seed: int = 0,
    device: Device | None = None,
    progress: Progress = silent,
) -> Report:
    """Run ``source`` and say what each of its calls cost.

    ``source`` is anything that :func:`vmprof.sources.load_program` takes;
    ``inputs``, ``dimensions`` and ``seed`` are as in
    :func:`vmprof.inputs.make_inputs`. ``counters`` is a comma-separated list of
    events, ``"none"``, or None: the five of TVM's reports where any of them
    opens, else the software events. ``repeats``, ``warmup`` and ``single_pass``
    are as in :class:`Schedule`; ``max_records`` bounds the calls of one run.
    More events than the PMU holds are counted in several passes over the
    model, or, with ``multiplex``, in one in which they take turns.

    Values of the report are medians over the repeats; what each repeat measured
    is in the columns ``"... samples"`` of its JSON. Raises
    :class:`VmprofError` for what the user can mend, and whatever a kernel
    raises, with a note that says which instruction called it.
    """
    schedule = Schedule(repeats, warmup, single_pass)
    description = Machine.read()
    groups = parse_events(",".join(REFERENCE) if counters is None else counters, description)
    otherwise = parse_events(",".join(SOFTWARE_EVENTS), description) if counters is None else ()
    check_max_records(max_records)
    device = device or tvm.cpu(0)
    program = load_program(source, entry=entry, progress=progress)
    parameters = parameters_of(program.bytecode, program.entry(entry))
    arguments = make_inputs(parameters, inputs, dimensions=dimensions, seed=seed)
    with open_counters(
        groups, description, otherwise=otherwise, multiplex=multiplex, single_pass=single_pass
    ) as opened:
        recorder = Recorder(opened.sample_words, max_records)
        machine = Interpreter(program, device, wrap=recorder.wrap, activations=recorder)
        engines = _Engines(program, machine, recorder, entry, arguments)
        measurement = _measure(engines, schedule, opened, progress)
        empty_call = _measure_empty_call(recorder, schedule, opened, min(_EMPTY_CALLS, max_records))
        return build_report(
            sites=[site.callee for site in machine.sites],
            device=f"{device.type}{device.index}",
            timed=measurement.timed,
            passes=[
                CountedPass(one.layout.columns, runs, opened.unproven)
                for one, runs in zip(opened.passes, measurement.counted, strict=True)
            ],
            per_run={
                column: [values[number] for values in measurement.wide]
                for number, column in enumerate(opened.wide.columns)
            },
            refused=opened.refused,
            configuration={
                **_configuration(program, schedule, opened, measurement),
                **empty_call,
            },
        )


class _Engines:
    """Both ways to run the model: TVM's VM, timed as a whole, and ours, recorded."""

    def __init__(
        self,
        program: Program,
        machine: Interpreter,
        recorder: Recorder,
        entry: str,
        arguments: Sequence[Any],
    ) -> None:
        self._recorder = recorder
        self._arguments = arguments
        self._recorded = machine[entry]
        self._unprofiled = TvmVirtualMachine(program.module, machine.device)[entry]

    def record(self, reading: Reading, counted: Pass | None) -> Recording:
        with self._recorder.run(reading, counted):
            self._recorded(*self._arguments)
        return self._recorder.recording(reading, counted.layout if counted else NOTHING)

    def time_unprofiled(self) -> float:
        """Microseconds of one run of TVM's VM."""
        began = time.perf_counter_ns()
        try:
            self._unprofiled(*self._arguments)
        except Exception as error:
            add_note(error, "in a run of TVM's own VM, without profiling")
            raise
        return (time.perf_counter_ns() - began) / 1e3


@dataclass
class _Measurement:
    """What the measured rounds gave; ``wide`` has a column of CPU-wide counts per timed run."""

    unprofiled_us: list[float]
    timed: list[Recording]
    counted: list[list[Recording]]  # by pass
    wide: list[list[int | None]]


def _measure(
    engines: _Engines, schedule: Schedule, counters: Counters, progress: Progress
) -> _Measurement:
    readings = schedule.readings(counters.passes)
    result = _Measurement([], [], [[] for _ in counters.passes], [])
    for number in range(1, schedule.warmup + 1):
        progress(f"warming up, round {number} of {schedule.warmup}")
        for reading, counted in readings:
            engines.record(reading, counted)
        engines.time_unprofiled()
    with _collector_off():
        for number in schedule.rounds():
            progress(f"measuring, round {number} of {schedule.expected}")
            result.unprofiled_us.append(engines.time_unprofiled())
            for reading, counted in readings:
                before = counters.wide.read()
                recording = engines.record(reading, counted)
                if reading & Reading.TIME:
                    result.timed.append(recording)
                    result.wide.append(_differences(before, counters.wide.read()))
                if counted is not None:
                    result.counted[counters.passes.index(counted)].append(recording)
    return result


def _differences(before: Sequence[int | None], after: Sequence[int | None]) -> list[int | None]:
    return [
        None if now is None or then is None else now - then
        for then, now in zip(before, after, strict=True)
    ]


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without Python's garbage collector, whose pauses would fall into some rounds."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _measure_empty_call(
    recorder: Recorder, schedule: Schedule, counters: Counters, calls: int
) -> dict[str, Metric]:
    """What a window reads around nothing: the least that any row can show."""
    nothing: Callable[[], None] = recorder.wrap(Site(0, "", 0, "vmprof.empty"), empty)
    result: dict[str, Metric] = {}
    for reading, counted in schedule.readings(counters.passes):
        with recorder.run(reading, counted):
            for _ in range(calls):
                nothing()
        layout = counted.layout if counted else NOTHING
        recording = recorder.recording(reading, layout)
        if recording.durations_ns is not None:
            median = float(np.median(recording.durations_ns)) / 1e3
            result["Empty call (us)"] = Duration(median)
        if recording.counts is not None and not layout.multiplexed:
            for column, values in zip(layout.columns, recording.counts.values.T, strict=True):
                result[f"Empty call {column}"] = Count(int(np.sort(values)[calls // 2]))
    return result


def _configuration(
    program: Program, schedule: Schedule, counters: Counters, measurement: _Measurement
) -> dict[str, Metric]:
    times = measurement.unprofiled_us
    configuration: dict[str, Metric] = {
        "Number of threads": Count(tvm.runtime.num_threads()),
        "Executor": "VM",
        "Model": program.name,
        "Unprofiled mean (us)": Duration(fmean(times)),
        "Unprofiled std (us)": Duration(stdev(times) if len(times) > 1 else 0.0),
        f"Unprofiled mean (us){SAMPLES_SUFFIX}": Samples(tuple(times)),
        "Repeats": Count(len(times)),
        "Warm-up": Count(schedule.warmup),
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
            "of the calling thread alone, "
            + ("user space only" if counters.user_only else "user space and kernel")
            + ", "
            + ("in the runs that are timed" if schedule.single_pass else "in runs of their own")
        )
    for number, one in enumerate(counters.passes, start=1):
        columns = ", ".join(one.layout.columns)
        configuration[f"Counters, pass {number}"] = f"{columns}; read {one.how}"
    if counters.wide.columns:
        configuration["Counted per run"] = (
            f"{', '.join(counters.wide.columns)}: of whole processors or packages during a timed "
            "run, whoever used them"
        )
    return configuration
