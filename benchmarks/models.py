"""Whole models in rounds, by both engines, as ``vmprof validate`` runs them, and by TVM's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tvm
from programs import inputs
from turns import wall_ns

from vmprof import Program, load_program
from vmprof.counters import Machine, Pass, open_counters
from vmprof.defaults import ENGINES
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.record.rounds.measurement import measure
from vmprof.record.rounds.options import Rounds
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.runs.run import Run
from vmprof.vm.executable import Executable
from vmprof.zoo.models import ENTRY
from vmprof.zoo.models.mlp import mlp

# As TVM compiles the mlp by itself: 47 instructions, a kernel per operator.
PLAIN = "mlp-plain"

BATCH_MS = 5
_SECONDS, _ROUNDS, _MOST_ROUNDS = 8.0, 8, 200
_QUICK_SECONDS, _QUICK_ROUNDS = 0.2, 3
_RUNS_OF_A_ROUND = 5  # TVM's evaluator, and by each engine a recorded one and TVM's


@dataclass(frozen=True)
class Profiled:
    """What an engine's rounds gave, in microseconds; a value per round.

    ``total`` is what the report calls Total, ``wall`` the same run seen from outside, with
    starting and stopping the recorder, and ``outside`` the part of ``total`` in no row.
    """

    unprofiled: list[float]
    total: list[float]
    wall: list[float]
    outside: list[float]


@dataclass(frozen=True)
class Measured:
    """``evaluated`` is what ``vm.time_evaluator`` says, microseconds by round."""

    evaluated: list[float]
    engines: dict[str, Profiled]


class _TimedRecorder(Recorder):
    """Keeps how long each run took whose recording was asked for, in microseconds."""

    def __init__(self, sample_words: int) -> None:
        super().__init__(sample_words)
        self.walls: list[float] = []
        self._last = 0.0

    def run(
        self, function: Callable[[], object], reading: Reading, counted: Pass | None = None
    ) -> None:
        began = time.perf_counter_ns()
        super().run(function, reading, counted)
        self._last = (time.perf_counter_ns() - began) / 1e3

    def recording(self, reading: Reading, counted: Pass | None = None) -> Run:
        if counted is None:
            self.walls.append(self._last)
        return super().recording(reading, counted)


def loaded(name: str) -> tuple[Program, list[Any]]:
    """A model of the zoo or :data:`PLAIN`, and its arguments."""
    if name == PLAIN:
        program = Program.of_module(tvm.compile(mlp(), "llvm").mod, name)
    else:
        program = load_program(name)
    return program, inputs(program)


def measured(name: str, *, quick: bool = False) -> Measured:
    """In each round TVM's evaluator, then both engines: a recorded run each, and one of TVM's."""
    device = tvm.cpu()
    program, arguments = loaded(name)
    executable = Executable(program, device)
    vm = executable.vm()
    evaluated: list[float] = []

    def at_each_round(_progress: str) -> None:
        found = vm.time_evaluator(ENTRY, device, number=1, min_repeat_ms=BATCH_MS)(*arguments)
        evaluated.append(1e6 * found.mean)

    with open_counters([], Machine.read()) as counters:
        recorders = [_TimedRecorder(counters.sample_words) for _ in ENGINES]
        engines = [
            kind(executable, ENTRY, arguments, recorder)
            for kind, recorder in zip((DispatchLoop, WrappedVm), recorders, strict=True)
        ]
        rounds = _rounds(partial(vm[ENTRY], *arguments), quick=quick)
        found = measure(engines, rounds, counters, [], at_each_round)
    warm_up = len(found.warm_up.rounds)
    return Measured(
        evaluated[warm_up:],
        {
            engine: Profiled(
                measurement.unprofiled_us,
                [_us(run.total_ns) for run in measurement.timed],
                recorder.walls[warm_up:],
                [_us(run.total_ns) - _in_rows(run) for run in measurement.timed],
            )
            for engine, measurement, recorder in zip(
                ENGINES, found.measurements, recorders, strict=True
            )
        },
    )


def _rounds(run: Callable[[], object], *, quick: bool) -> Rounds:
    """As many as fit into so many seconds: of short models many, as those vary more."""
    seconds = min(wall_ns(run)() for _ in range(3)) / 1e9
    fit = (_QUICK_SECONDS if quick else _SECONDS) / (_RUNS_OF_A_ROUND * seconds)
    return Rounds(repeats=max(_QUICK_ROUNDS if quick else _ROUNDS, min(_MOST_ROUNDS, int(fit))))


def _us(nanoseconds: int | None) -> float:
    assert nanoseconds is not None
    return nanoseconds / 1e3


def _in_rows(run: Run) -> float:
    """Microseconds of the calls that no other call contains: they hold those inside."""
    assert run.durations_ns is not None
    return _us(int(run.exclusive(run.durations_ns).sum()))
