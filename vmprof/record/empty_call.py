"""Calls of a function that does nothing, by each engine: the least that any row can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm

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
from vmprof.vm import Site
from vmprof.vm.executable import load, packed, vm_function
from vmprof.vm.tvm_vm import TvmVirtualMachine

EMPTY_CALLS = 1000
_OF_A_SESSION = 200  # when it closes, which a program waits for


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


def empty_call_us(engine: str) -> float:
    """Of an engine's windows that are timed, in microseconds, as rows are estimated."""
    recorder = Recorder(0, _OF_A_SESSION, tasks=False)
    calls = hooked_calls if engine == "tvm" else wrapped_calls
    recorder.run(calls(recorder, _OF_A_SESSION), Reading.TIME)
    durations = recorder.recording(Reading.TIME).durations_ns
    assert durations is not None
    return middle_mean(durations.tolist()) / 1e3
