"""What vmprof takes for granted of TVM's insides, each tried out on a program of two tensors.

TVM promises none of it from one version to the next: where a tensor's shape lies in memory, what
an instrument is told, how a storage dies, what the bytecode looks like. All of it takes a few
milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tvm

from vmprof.native import ffi, lib
from vmprof.program import Program
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    ConstantReference,
    DataTypeConstant,
    Function,
    FunctionKind,
    FunctionReference,
    Immediate,
    Operand,
    Register,
    Ret,
    ShapeConstant,
)
from vmprof.record.hook import Hook
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop, Engine
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.runs.run import Run
from vmprof.runs.storages import ALIVE
from vmprof.vm.executable import Executable, load, packed
from vmprof.vm.tvm_vm import TvmVirtualMachine

_ENTRY, _EMPTY = "main", "vmprof.empty"
_ALLOCATE, _MAKE, _CLEAR = (
    "vm.builtin.alloc_storage",
    "vm.builtin.alloc_tensor",
    "vm.builtin.null_value",
)
_SHAPE, _BYTES = (2, 3), 24
_RECORDS = 64
# What the program's calls are recorded with, in their order.
_CALLS = [(_ALLOCATE, ""), (_MAKE, ""), (_EMPTY, "float32[2, 3], int64[5]")]


@dataclass(frozen=True)
class Assumption:
    """``failure`` says what was found in place of ``what``; None if it holds."""

    what: str
    failure: str | None


def names() -> list[str]:
    """What is assumed, in the order of the trials."""
    return [*_TRIALS]


def tried() -> Iterator[Assumption]:
    """Each, as it is in this process."""
    for what, trial in _TRIALS.items():
        try:
            yield Assumption(what, trial() or None)
        except Exception as error:  # noqa: BLE001 # whatever another version of TVM does
            yield Assumption(what, f"{type(error).__name__}: {error}".splitlines()[0])


def _written() -> str:
    return "" if _loaded().bytecode == _program() else "TVM writes another executable than it reads"


def _run_by(kind: type[Engine]) -> str:
    recorder = Recorder(0, max_records=_RECORDS)
    engine = kind(Executable(_loaded(), tvm.cpu()), _ENTRY, [_argument()], recorder)
    run = engine.record(Reading.TIME, None)
    return _differences(run, [engine.sites[site].callee for site in run.sites])


def _instrument() -> str:
    recorder = Recorder(0, max_records=_RECORDS)
    callees = [name for name, _ in _CALLS]
    vm = TvmVirtualMachine(load(_program()), tvm.cpu())
    vm.set_instrument(Hook(recorder.pointer, callees).instrument)
    recorder.run(partial(vm[_ENTRY], _argument()), Reading.TIME)
    run = recorder.recording(Reading.TIME)
    return _differences(run, [callees[site] for site in run.sites])


def _launch() -> str:
    return "" if lib.vmprof_tvm_launch() != ffi.NULL else "TVM has no TVMBackendParallelLaunch"


# An empty text where it holds, else what was found instead.
_TRIALS: dict[str, Callable[[], str]] = {
    "TVM writes executables as vmprof reads them": _written,
    "TVM's builtins run in vmprof's VM, with tensors and storages as they were": partial(
        _run_by, DispatchLoop
    ),
    "TVM's VM calls what stands in a packed function's place": partial(_run_by, WrappedVm),
    "TVM's VM tells an instrument of each call": _instrument,
    "parallel work is launched through a function that can be replaced": _launch,
}


def _differences(run: Run, callees: list[str]) -> str:
    found = list(zip(callees, run.shapes, strict=True))
    if found != _CALLS:
        return f"recorded were {found}, not {_CALLS}"
    storages = [(int(one["bytes"]), int(one["end"]) != ALIVE) for one in run.storages]
    if storages != [(_BYTES, True)]:
        return f"storages (bytes, released) were {storages}, not [({_BYTES}, True)]"
    return ""


def _argument() -> Any:
    return tvm.runtime.tensor(np.zeros(5, "int64"))


def _loaded() -> Program:
    return Program.of_module(load(_program()), "a program of vmprof's own")


def _program() -> Bytecode:
    """``main(x)``: allocate a tensor, call what does nothing with it and ``x``, release it."""
    constants = (
        ShapeConstant((_BYTES,)),
        DataTypeConstant((1, 8, 1)),
        "global",
        ShapeConstant(_SHAPE),
        DataTypeConstant((2, 32, 1)),
    )
    size, octet, scope, shape, float32 = map(ConstantReference, range(len(constants)))
    names = (_ENTRY, _ALLOCATE, _MAKE, _EMPTY, _CLEAR)
    argument, storage, tensor, void = Register(0), Register(1), Register(2), Register(VOID_REGISTER)

    def call(name: str, destination: Register, *operands: Operand) -> Call:
        return Call(destination, FunctionReference(names.index(name), name), operands)

    code = (
        call(_ALLOCATE, storage, Register(VM_REGISTER), size, Immediate(0), octet, scope),
        call(_MAKE, tensor, storage, Immediate(0), shape, float32),
        call(_CLEAR, storage),
        call(_EMPTY, void, tensor, argument),
        call(_CLEAR, tensor),
        Ret(argument),
    )
    main = Function(FunctionKind.VM, _ENTRY, 0, len(code), 1, 3, ("x",))
    return Bytecode((main, *map(packed, names[1:])), code, constants, {})
