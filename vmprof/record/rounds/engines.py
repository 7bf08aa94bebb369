"""The ways to run a model: TVM's VM, timed as a whole, and an engine, recorded or collected."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmprof.counters import Pass
from vmprof.counters.reading.sampler import Sampler
from vmprof.errors import add_note
from vmprof.record.collectors import Collector
from vmprof.record.recorder import Reading, Recorder
from vmprof.runs.run import Run
from vmprof.sampling.fold import SampledRun
from vmprof.values import Row
from vmprof.vm import Interpreter, Site
from vmprof.vm.executable import Executable


@dataclass(frozen=True)
class Collecting:
    """A way to ``run``; afterwards ``result`` gives a row per call of the run's recording.

    The recording tells the calls and nothing else: no number of it is fit to be shown.
    """

    run: Callable[[], None]
    result: Callable[[], tuple[Run, list[Row]]]


class Engine(ABC):
    """Runs the function ``entry`` of ``executable`` on ``arguments``, in TVM's VM or its own way.

    ``sites`` are what calls are recorded of, by their numbers.
    """

    sites: Sequence[Site]

    def __init__(
        self,
        executable: Executable,
        entry: str,
        arguments: Sequence[Any],
        recorder: Recorder,
    ) -> None:
        self._executable = executable
        self._program = executable.program
        self._device = executable.device
        self._entry = entry
        self._arguments = arguments
        self._recorder = recorder
        self._recorded = self._recorded_run()
        self._vm = executable.vm()
        self._unprofiled = partial(self._vm[entry], *arguments)

    @abstractmethod
    def _recorded_run(self) -> Callable[[], Any]:
        """Set ``sites``; give the run whose calls the recorder sees."""

    @abstractmethod
    def collecting(self, collector: Collector) -> Collecting:
        """A way to run in which ``collector`` stands around every call."""

    @abstractmethod
    def layers(self, sites: Sequence[int]) -> Sequence[str]:
        """The layers of each of a run's calls, which are of ``sites``; "" where it cannot tell."""

    def run(self, reading: Reading, counted: Pass | None) -> None:
        """A run under the recorder, whose recording nobody wants."""
        self._recorder.run(self._recorded, reading, counted)

    def record(self, reading: Reading, counted: Pass | None) -> Run:
        self._recorder.run(self._recorded, reading, counted)
        return self._recorder.recording(reading, counted)

    def sample(self, sampler: Sampler) -> SampledRun:
        """A run in which threads are sampled."""
        reading = Reading.TIME | Reading.COUNTERS
        sampler.others.enable()
        try:
            self._recorder.run(self._recorded, reading, sampler.counted)
        finally:
            sampler.others.disable()
        return SampledRun.of(
            self._recorder.recording(reading, sampler.counted),
            self._recorder.whereabouts(sampler.counted),
            sampler.take(),
            sampler.others.take(),
        )

    def output(self) -> Any:
        """What the run gives, unrecorded."""
        return self._recorded()

    def unprofiled(self) -> Any:
        """What TVM's VM gives."""
        with _of_tvm():
            return self._unprofiled()

    def time_unprofiled(self) -> float:
        """Microseconds of one run of TVM's VM."""
        with _of_tvm():
            began = time.perf_counter_ns()
            self._unprofiled()
            return (time.perf_counter_ns() - began) / 1e3

    def evaluate(self, *, number: int, repeat: int = 1, least_ms: int = 0) -> list[float]:
        """Microseconds of a run of TVM's VM, ``repeat`` times, as TVM's evaluator takes them.

        Each is the mean of a batch of ``number`` runs, or of as many more as last ``least_ms``.
        """
        evaluator = self._vm.time_evaluator(
            self._entry, self._device, number, repeat, min_repeat_ms=least_ms
        )
        with _of_tvm():
            return [1e6 * seconds for seconds in evaluator(*self._arguments).results]


def collected(
    recorded: Callable[..., Any], collector: Collector, rows: list[Row]
) -> Callable[..., Any]:
    """``recorded`` with ``collector`` around it, a row per call."""

    def call(*operands: Any) -> Any:
        number = len(rows)
        rows.append({})
        collector.start()
        try:
            return recorded(*operands)
        finally:
            rows[number] = dict(collector.stop())

    return call


@contextmanager
def _of_tvm() -> Iterator[None]:
    """An error inside says that it came from TVM's VM."""
    try:
        yield
    except Exception as error:
        add_note(error, "in a run of TVM's own VM, without profiling")
        raise


class DispatchLoop(Engine):
    """vmprof's own VM, with a window around each packed function that an instruction calls."""

    def _recorded_run(self) -> Callable[[], Any]:
        vm = self._interpreter(self._recorder.wrap)
        self.sites = vm.sites
        straight = vm.straight(self._entry, self._arguments)
        return straight or partial(vm[self._entry], *self._arguments)

    def collecting(self, collector: Collector) -> Collecting:
        rows: list[Row] = []

        def wrap(site: Site, kernel: Any) -> Any:
            return collected(self._recorder.wrap(site, kernel), collector, rows)

        collected_run = partial(self._interpreter(wrap)[self._entry], *self._arguments)

        def run() -> None:
            rows.clear()
            self._recorder.run(collected_run, Reading.TIME)

        return Collecting(run, lambda: (self._recorder.recording(Reading.TIME), rows.copy()))

    def layers(self, sites: Sequence[int]) -> Sequence[str]:
        of_instruction = self._program.layers
        return [of_instruction.get(self.sites[site].instruction, "") for site in sites]

    def _interpreter(self, wrap: Callable[[Site, Any], Any]) -> Interpreter:
        return Interpreter(
            self._program,
            self._device,
            wrap=wrap,
            activations=self._recorder,
            constants=self._executable.constants,
        )
