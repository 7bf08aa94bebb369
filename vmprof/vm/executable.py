"""A program as TVM's VM runs it: one for all engines, with the same constants in memory.

An engine with constants of its own would find the caches full of the other's: what
runs in turn must read the same memory. That is the executable as it was loaded, if it tells
its constants. Else it is written anew, with a function more, which is never called in a run,
and returns them: that takes longer than loading, and a copy of them all.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from io import FileIO
from typing import Any

import tvm_ffi
from tvm.runtime import Device

from vmprof.native import guard
from vmprof.owned import memory_file
from vmprof.program import Program
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    Function,
    FunctionKind,
    FunctionReference,
    Instruction,
    Operand,
    Register,
    Ret,
)
from vmprof.program.writer import bytecode_parts
from vmprof.vm.constants import constants_of
from vmprof.vm.linker import UNRECORDED
from vmprof.vm.loaded import loaded_tensors, tensors_of
from vmprof.vm.places import Place, in_places, with_places
from vmprof.vm.tested import check_tvm
from vmprof.vm.tvm_vm import TvmVirtualMachine

_CHUNK = 8 << 20
_HAND_OUT = "vmprof.hand_out"
_MAKE_TUPLE = "vm.builtin.make_tuple"


class Executable:
    """``program`` on ``device``; ``constants`` are its constants as TVM's values.

    With ``wraps`` VMs may have something around the packed functions that they call, and those
    that are operands.
    """

    def __init__(self, program: Program, device: Device, *, wraps: bool = True) -> None:
        check_tvm()
        program.check_packed_functions()  # TVM's VM has but a stack trace to say of it
        self.program = program
        self.device = device
        self._places: Sequence[Place] = ()
        placed = program.bytecode
        if wraps:
            placed, self._places = with_places(
                placed, for_calls=True, but=UNRECORDED, doubtful=program.doubtful
            )
        self._module = program.module
        tensors_at = tensors_of(program.bytecode)
        tensors = {} if self._places else loaded_tensors(program, device)
        if self._places or not program.exclusive or tensors.keys() != set(tensors_at):
            self._module = load(_handing_out(placed, [*map(ConstantReference, tensors_at)]))
            for imported in program.module.imports:
                self._module.import_module(imported)
            tensors = dict(zip(tensors_at, self.vm()[_HAND_OUT](), strict=True))
        self.constants = constants_of(program.bytecode, device, tensors)

    def vm(self, wrap: Callable[[Place, Any], Any] | None = None) -> TvmVirtualMachine:
        """A VM of TVM's that runs it; ``wrap(place, function)`` stands where ``function`` does."""
        functions = [self.program.packed_function(place.name) for place in self._places]
        if wrap is not None:
            functions = [
                guard(wrapped, *place.needed) if place.needed else wrapped
                for place, wrapped in zip(
                    self._places, map(wrap, self._places, functions), strict=True
                )
            ]
        with in_places(functions):
            return TvmVirtualMachine(self._module, self.device)


def load(bytecode: Bytecode) -> tvm_ffi.Module:
    """A ``relax.VMExecutable`` that runs ``bytecode``."""
    load_file = tvm_ffi.get_global_func("ffi.Module.load_from_file.relax.VMExecutable")
    # Through a file in memory: handed over as bytes, constants would be copied once more.
    with memory_file("vmprof-executable") as file:
        for part in bytecode_parts(bytecode):
            _write(file, part)
        module: tvm_ffi.Module = load_file(f"/proc/self/fd/{file.fileno()}")
    return module


def _write(file: FileIO, part: bytes | memoryview) -> None:
    """Write ``part``; of what is mapped from a file no more is in memory than is being written."""
    rest = memoryview(part)
    mapped = rest.obj
    while rest:
        rest = rest[file.write(rest[:_CHUNK]) :]
        if isinstance(mapped, mmap.mmap):
            mapped.madvise(mmap.MADV_DONTNEED)


def vm_function(name: str, start: int, end: int) -> Function:
    """A function without parameters, with one register."""
    return Function(FunctionKind.VM, name, start, end, 0, 1, ())


def packed(name: str) -> Function:
    """A packed function's entry in the table."""
    return Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ())


def _handing_out(bytecode: Bytecode, operands: list[Operand]) -> Bytecode:
    """``bytecode`` with a function more, which returns ``operands`` as a tuple."""
    start, place = len(bytecode.instructions), len(bytecode.functions)
    # A name may stand in the table twice; TVM looks up those of packed functions one by one.
    make_tuple = FunctionReference(place + 1, _MAKE_TUPLE)
    result = Register(0)
    added: list[Instruction] = [Call(result, make_tuple, tuple(operands)), Ret(result)]
    return Bytecode(
        (*bytecode.functions, vm_function(_HAND_OUT, start, start + 2), packed(_MAKE_TUPLE)),
        (*bytecode.instructions, *added),
        bytecode.constants,
        bytecode.memory_scopes,
    )
