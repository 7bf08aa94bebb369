"""What a window reads around nothing: the least that any row of a recording can show."""

from __future__ import annotations

import numpy as np
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
from vmprof.vm import Site
from vmprof.vm.executable import load, packed, vm_function
from vmprof.vm.tvm_vm import TvmVirtualMachine

_EMPTY_CALLS = 200


def empty_call_us(engine: str) -> float:
    """In median, in microseconds, of an engine's calls."""
    recorder = Recorder(0, _EMPTY_CALLS, tasks=False)
    if engine == "tvm":
        callee, void = FunctionReference(1, "vmprof.empty"), Register(VOID_REGISTER)
        code: tuple[Instruction, ...] = (*[Call(void, callee, ())] * _EMPTY_CALLS, Ret(void))
        functions = (vm_function("main", 0, len(code)), packed(callee.name))
        machine = TvmVirtualMachine(load(Bytecode(functions, code, (), {})), tvm.cpu(0))
        machine.set_instrument(recorder.hook([callee.name], {}))
        recorder.run(machine["main"], Reading.TIME)
    else:
        nothing = recorder.wrap(Site(0, "", 0, "vmprof.empty"), empty)

        def run() -> None:
            for _ in range(_EMPTY_CALLS):
                nothing()

        recorder.run(run, Reading.TIME)
    durations = recorder.recording(Reading.TIME).durations_ns
    assert durations is not None
    return float(np.median(durations)) / 1e3
