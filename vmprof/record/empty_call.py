"""Calls of a function that does nothing, by each engine: the least that any row can show."""

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
from vmprof.record.recorder import Reading, Recorder
from vmprof.report.estimator import middle_mean
from vmprof.values import Count, Duration, Metric
from vmprof.vm import Site
from vmprof.vm.executable import load, packed, vm_function
from vmprof.vm.tvm_vm import TvmVirtualMachine


def wrapped_calls(recorder: Recorder, calls: int) -> Callable[[], Any]:
    """A run of so many, each through a window as vmprof's machine has them."""
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
    machine = TvmVirtualMachine(load(Bytecode(functions, code, (), {})), tvm.cpu(0))
    machine.set_instrument(recorder.hook([callee.name]))
    run: Callable[[], Any] = machine["main"]
    return run


_RUNS: dict[str, Callable[[Recorder, int], Callable[[], Any]]] = {
    "vmprof": wrapped_calls,
    "tvm": hooked_calls,
}


def empty_call(
    engine: str,
    recorder: Recorder,
    readings: Sequence[tuple[Reading, Pass | None]],
    calls: int,
) -> dict[str, Metric]:
    """What an engine's windows read around nothing, in means over ``calls``, as rows are estimated.

    ``"(us)"`` is of the windows that are timed; every other key is a counted column.
    """
    run = _RUNS[engine](recorder, calls)
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
