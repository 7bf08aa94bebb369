"""What only a VM of TVM's own can give: the pointer that builtins take first, and closures.

``vm.builtin.alloc_storage`` and its like take a ``VirtualMachine*``;
``vm.builtin.make_closure`` takes a genuine ``relax.vm.Closure``. A small
executable makes TVM's VM hand both out. It has the program's functions, in the
same places of the table, but the body of each is one instruction: call the
trampoline with the function's number and the arguments. So a closure that TVM
runs comes back to our VM, from wherever it is invoked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tvm_ffi
from tvm.runtime import Device

from vmprof.program.bytecode import (
    VM_REGISTER,
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Immediate,
    Instruction,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode
from vmprof.vm.tvm_vm import TvmVirtualMachine

_TRAMPOLINE = "vmprof.trampoline"
_HAND_OUT = "vmprof.hand_out"
# The trampoline's name means another function for each VM while it is made.
_NAME_TAKEN = threading.Lock()

_load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")


class Host:
    """Owns a VM of TVM's that runs nothing but trampolines.

    ``enter(function index, *arguments)`` is where they lead. ``context`` is
    that VM's pointer, valid as long as this object lives; storage comes from
    its allocators. ``closures`` has one for each function of ``bytecode`` that
    is not packed, by its place in the table.
    """

    def __init__(
        self,
        bytecode: Bytecode,
        devices: Device | Sequence[Device],
        memory_cfg: str | Mapping[Device, int] | None,
        enter: Callable[..., Any],
    ) -> None:
        executable = _load(write_bytecode(_trampolines(bytecode)))
        with _NAME_TAKEN:
            tvm_ffi.register_global_func(_TRAMPOLINE, enter, override=True)
            try:
                self._vm = TvmVirtualMachine(executable, devices, memory_cfg)
            finally:
                tvm_ffi.registry.remove_global_func(_TRAMPOLINE)
        self.context, *closures = self._vm[_HAND_OUT]()
        self.closures: dict[int, Any] = dict(zip(_runnable(bytecode), closures, strict=True))


def _runnable(bytecode: Bytecode) -> list[int]:
    return [i for i, f in enumerate(bytecode.functions) if f.kind is not FunctionKind.PACKED]


def _trampolines(bytecode: Bytecode) -> Bytecode:
    """The executable: see above; and a function that returns the pointer and all closures."""
    functions: list[Function] = []
    code: list[Instruction] = []
    count = len(bytecode.functions)
    trampoline = FunctionReference(count, _TRAMPOLINE)

    def define(name: str, num_args: int, names: tuple[str, ...], call: Call) -> None:
        start = len(code)
        code.extend([call, Ret(call.destination)])
        functions.append(
            Function(FunctionKind.VM, name, start, start + 2, num_args, num_args + 1, names)
        )

    packed = Function(FunctionKind.PACKED, _TRAMPOLINE, 0, 0, 0, 0, ())
    for index, function in enumerate(bytecode.functions):
        if function.kind is FunctionKind.PACKED:
            functions.append(packed)
            continue
        parameters = tuple(Register(i) for i in range(function.num_args))
        define(
            function.name,
            function.num_args,
            function.parameter_names,
            Call(Register(function.num_args), trampoline, (Immediate(index), *parameters)),
        )
    functions.append(packed)
    make_tuple = FunctionReference(count + 2, "vm.builtin.make_tuple")
    closures = [FunctionReference(i, functions[i].name) for i in _runnable(bytecode)]
    everything = Call(Register(0), make_tuple, (Register(VM_REGISTER), *closures))
    define(_HAND_OUT, 0, (), everything)
    functions.append(Function(FunctionKind.PACKED, make_tuple.name, 0, 0, 0, 0, ()))
    return Bytecode(tuple(functions), tuple(code), (), {})
