"""Calls of a function that does nothing: the least that any row can show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tvm

from vmprof.counters import Pass
from vmprof.native import empty
from vmprof.program.bytecode import (
    VOID_REGISTER,
    Bytecode,
    Call,
    FunctionReference,
    Instruction,
    Register,
    Ret,
)
from vmprof.record.hook import Hook
from vmprof.record.recorder import Reading, Recorder
from vmprof.report.estimator import middle_mean
from vmprof.values import Count, Duration, Metric
from vmprof.vm import Site
from vmprof.vm.executable import load, packed, vm_function
from vmprof.vm.tvm_vm import TvmVirtualMachine


def wrapped_calls(recorder: Recorder, calls: int) -> Callable[[], Any]:
    """A run of so many, each with a window around it."""
    nothing: Callable[[], None] = recorder.wrap(Site(0, "", 0, "vmprof.empty"), empty)

    def run() -> None:
        for _ in range(calls):
            nothing()

    return run


def hooked_calls(recorder: Recorder, calls: int) -> Callable[[], Any]:
    """A run of so many in TVM's VM, with ``recorder`` as its instrument."""
    callee, void = FunctionReference(1, "vmprof.empty"), Register(VOID_REGISTER)
    code: tuple[Instruction, ...] = (*[Call(void, callee, ())] * calls, Ret(void))
    functions = (vm_function("main", 0, len(code)), packed(callee.name))
    vm = TvmVirtualMachine(load(Bytecode(functions, code, (), {})), tvm.cpu(0))
    vm.set_instrument(Hook(recorder.pointer, [callee.name]).instrument)
    run: Callable[[], Any] = vm["main"]
    return run


def empty_call(
    recorder: Recorder,
    run: Callable[[], Any],
    readings: Sequence[tuple[Reading, Pass | None]],
) -> dict[str, Metric]:
    """What windows read around nothing, in means over the calls of ``run``, as rows are estimated.

    ``"(us)"`` is of the windows that are timed; every other key is a counted column.
    """
    found: dict[str, Metric] = {}
    for reading, counted in readings:
        recorder.run(run, reading, counted)
        recorded = recorder.recording(reading, counted)
        if recorded.durations_ns is not None:
            found["(us)"] = Duration(middle_mean(recorded.durations_ns.tolist()) / 1e3)
        if counted is not None and recorded.counts is not None and recorded.counts.shares is None:
            columns = zip(counted.layout.columns, recorded.counts.values.T, strict=True)
            for column, values in columns:
                found[column] = Count(round(middle_mean(values.tolist())))
    return found
