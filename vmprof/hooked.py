"""TVM's own VM with the recorder as its instrument (native/hook.c): the second engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tvm_ffi
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof.collectors import Collector
from vmprof.engines import Engine
from vmprof.errors import VmprofError, add_note
from vmprof.machine import Site
from vmprof.program.bytecode import (
    VOID_REGISTER,
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Instruction,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode
from vmprof.recorder import Reading
from vmprof.recording import Recording
from vmprof.report.model import Row

_HAND_OUT = "vmprof.hand_out"
_MAKE_TUPLE = "vm.builtin.make_tuple"
# Not worth a row; the dispatch loop has none of it either.
_UNRECORDED = "vm.builtin.null_value"

_load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")


class HookedVm(Engine):
    """TVM's VM. A site is a packed function here, not a place that calls it."""

    def _recorded_run(self) -> Callable[[], Any]:
        table = self._program.bytecode.functions
        native = [each.name for each in table if each.kind is FunctionKind.VMTIR]
        if native:
            raise VmprofError(
                f"function {native[0]!r} of {self._program.name} was compiled with "
                'exec_mode="compiled": TVM\'s VM does not tell of the calls inside; '
                "profile it with engine vmprof"
            )
        names = [each.name for each in table if each.kind is FunctionKind.PACKED]
        recorded = dict.fromkeys(name for name in names if name != _UNRECORDED)
        self.sites = [Site(i, "", 0, name) for i, name in enumerate(recorded)]
        return self._hooked()

    def collecting(self, collector: Collector) -> Callable[[], tuple[Recording, list[Row]]]:
        rows: list[Row] = []
        begun: list[int] = []

        def around(before: bool) -> None:  # noqa: FBT001 # native code gives no names
            if before:
                begun.append(len(rows))
                rows.append({})
                collector.start()
            else:
                rows[begun.pop()] = dict(collector.stop())

        collected = self._hooked(around)

        def run() -> tuple[Recording, list[Row]]:
            rows.clear()
            begun.clear()
            recording = self._record(collected, Reading.TIME, None)
            return recording, rows.copy()

        return run

    def _empty_calls(self, calls: int) -> Callable[[], Any]:
        empty = FunctionReference(1, "vmprof.empty")
        code = (*[Call(Register(VOID_REGISTER), empty, ())] * calls, Ret(Register(VOID_REGISTER)))
        functions = (_vm_function("main", 0, len(code)), _packed(empty.name))
        machine = TvmVirtualMachine(
            _load(write_bytecode(Bytecode(functions, code, (), {}))), self._device
        )
        machine.set_instrument(self._recorder.hook([empty.name], {}))
        run: Callable[[], Any] = machine["main"]
        return run

    def _hooked(self, around: Callable[[bool], None] | None = None) -> Callable[[], Any]:
        """A run in a VM with the hook, which a VM cannot share."""
        machine, kernels = _machine(self._program.bytecode, self._program.module, self._device)
        machine.set_instrument(
            self._recorder.hook([site.callee for site in self.sites], kernels, around)
        )
        run = partial(machine[self._entry], *self._arguments)

        def annotated_run() -> Any:
            try:
                return run()
            except Exception as error:
                add_note(error, "in a run of TVM's own VM, with vmprof's hook")
                raise

        return annotated_run


def _machine(bytecode: Bytecode, module: tvm_ffi.Module, device: Any) -> tuple[Any, dict[str, Any]]:
    """TVM's VM for an executable, and its objects of the kernels that are operands.

    Only that VM's own objects will do: each VM makes new ones of the same kernels. For
    executables that have kernels as operands, it runs one with a function more, that is
    never called in a run, and returns them.
    """
    kernels = _kernel_operands(bytecode)
    if not kernels:
        return TvmVirtualMachine(module, device), {}
    extended = _load(write_bytecode(_handing_out(bytecode, kernels)))
    for imported in module.imports:
        extended.import_module(imported)
    machine = TvmVirtualMachine(extended, device)
    objects = machine[_HAND_OUT]()
    return machine, {each.name: kernel for each, kernel in zip(kernels, objects, strict=True)}


def _kernel_operands(bytecode: Bytecode) -> list[FunctionReference]:
    found = {
        operand: None
        for instruction in bytecode.instructions
        if isinstance(instruction, Call)
        for operand in instruction.operands
        if isinstance(operand, FunctionReference)
        and bytecode.functions[operand.index].kind is FunctionKind.PACKED
    }
    return list(found)


def _handing_out(bytecode: Bytecode, kernels: Sequence[FunctionReference]) -> Bytecode:
    """``bytecode`` with a function more, which returns ``kernels`` as a tuple."""
    functions = list(bytecode.functions)
    start = len(bytecode.instructions)
    functions.append(_vm_function(_HAND_OUT, start, start + 2))
    names = [each.name for each in functions]
    if _MAKE_TUPLE not in names:
        functions.append(_packed(_MAKE_TUPLE))
        names.append(_MAKE_TUPLE)
    make_tuple = FunctionReference(names.index(_MAKE_TUPLE), _MAKE_TUPLE)
    result = Register(0)
    added: list[Instruction] = [Call(result, make_tuple, tuple(kernels)), Ret(result)]
    return Bytecode(
        tuple(functions),
        (*bytecode.instructions, *added),
        bytecode.constants,
        bytecode.memory_scopes,
    )


def _vm_function(name: str, start: int, end: int) -> Function:
    """A function without parameters, with one register."""
    return Function(FunctionKind.VM, name, start, end, 0, 1, ())


def _packed(name: str) -> Function:
    return Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ())
