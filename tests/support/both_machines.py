"""The same use of vmprof's machine and of TVM's VM, and small programs in bytecode for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import VirtualMachine
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode

X = np.array([5, -2, 3.5], "float32")
Y = np.array([1, 2, 3], "float32")
CPU = tvm.cpu()


def tensor(array: Any) -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.asarray(array))


def plain(value: Any) -> Any:
    """Something that compares: types, shapes and bytes."""
    if isinstance(value, tvm.runtime.Tensor):
        return str(value.device), value.dtype, value.shape, value.numpy().tobytes()
    if isinstance(value, tvm_ffi.Array | tuple):
        return type(value).__name__, [plain(field) for field in value]
    return str if isinstance(value, str) else type(value), value


def same(executable: Any, use: Callable[[Any], Any], device: Any = CPU, **options: Any) -> Any:
    """What ``use`` does with either machine: the same result, or the same class of error."""
    outcomes = []
    for machine in (VirtualMachine, TvmVirtualMachine):
        try:
            outcomes.append(plain(use(machine(executable, device, **options))))
        except Exception as error:  # noqa: BLE001
            outcomes.append(error)
    ours, theirs = outcomes
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
    else:
        assert ours == theirs
    return ours


def load(bytecode: Bytecode, *imports: tvm.runtime.Module) -> tvm.runtime.Module:
    load_bytes = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
    module = load_bytes(write_bytecode(bytecode))
    for each in imports:
        module.import_module(each)
    return module


def calls(name: str, num_args: int) -> Bytecode:
    """``main`` hands its arguments to the packed function ``name``."""
    operands = tuple(Register(i) for i in range(num_args))
    result = Register(num_args)
    functions = (
        Function(FunctionKind.VM, "main", 0, 2, num_args, num_args + 1, ()),
        Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ()),
    )
    code = (Call(result, FunctionReference(1, name), operands), Ret(result))
    return Bytecode(functions, code, (), {})


def returns_its_arguments(num_args: int) -> tvm.runtime.Module:
    return load(calls("vm.builtin.make_tuple", num_args))
