"""The ways to run a model: TVM's VM, timed as a whole, and vmprof's, recorded or collected."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tvm.runtime import Device
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof.collectors import Collector
from vmprof.counters import Pass
from vmprof.errors import add_note
from vmprof.machine import Site, VirtualMachine
from vmprof.native import empty
from vmprof.program import Program
from vmprof.recorder import Reading, Recorder
from vmprof.recording import Recording
from vmprof.report.model import Row


class Engines:
    """Runs the function ``entry`` of ``program`` on ``arguments`` in one way or the other."""

    def __init__(
        self,
        program: Program,
        entry: str,
        arguments: Sequence[Any],
        device: Device,
        recorder: Recorder,
    ) -> None:
        self._program = program
        self._entry = entry
        self._arguments = arguments
        self._device = device
        self._recorder = recorder
        machine = VirtualMachine(program, device, wrap=recorder.wrap)
        self.sites = machine.sites
        self._recorded = partial(machine[entry], *arguments)
        self._unprofiled = partial(TvmVirtualMachine(program.module, device)[entry], *arguments)

    def record(self, reading: Reading, counted: Pass | None) -> Recording:
        return self._record(self._recorded, reading, counted)

    def time_unprofiled(self) -> float:
        """Microseconds of one run of TVM's VM."""
        began = time.perf_counter_ns()
        try:
            self._unprofiled()
        except Exception as error:
            add_note(error, "in a run of TVM's own VM, without profiling")
            raise
        return (time.perf_counter_ns() - began) / 1e3

    def collecting(self, collector: Collector) -> Callable[[], tuple[Recording, list[Row]]]:
        """A way to run in which ``collector`` stands around every call.

        Each run gives a row per call of its recording, which tells the calls
        and nothing else: no number of it is fit to be shown.
        """
        rows: list[Row] = []

        def wrap(site: Site, kernel: Any) -> Any:
            recorded = self._recorder.wrap(site, kernel)

            def collected(*operands: Any) -> Any:
                number = len(rows)
                rows.append({})
                collector.start()
                try:
                    return recorded(*operands)
                finally:
                    rows[number] = dict(collector.stop())

            return collected

        machine = VirtualMachine(self._program, self._device, wrap=wrap)
        collected_run = partial(machine[self._entry], *self._arguments)

        def run() -> tuple[Recording, list[Row]]:
            rows.clear()
            recording = self._record(collected_run, Reading.TIME, None)
            return recording, rows.copy()

        return run

    def record_empty_calls(self, reading: Reading, counted: Pass | None, calls: int) -> Recording:
        """What windows read around nothing: the least that any row can show."""
        nothing: Callable[[], None] = self._recorder.wrap(Site(0, "", 0, "vmprof.empty"), empty)

        def run() -> None:
            for _ in range(calls):
                nothing()

        return self._record(run, reading, counted)

    def _record(self, run: Callable[[], Any], reading: Reading, counted: Pass | None) -> Recording:
        with self._recorder.run(reading, counted):
            run()
        return self._recorder.recording(reading, counted)
