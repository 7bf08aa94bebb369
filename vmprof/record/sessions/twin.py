"""A second VM for the same executable, whose calls the recorder sees.

The VM that the program made stays as it is, and runs what is not recorded. A recorded
invocation runs in the twin: constants are shared, as both are made of one module, and a
closure or an object of one works in the other.

Kernels that are operands of an instruction are not called by it: ``call_tir_dyn`` calls
them, or an object does that keeps them, such as a paged KV cache. TVM's VM does not report
those calls to an instrument. The executable of a twin with such operands is therefore
written anew (with constants of its own), with wrapped kernels in their places.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import tvm_ffi

from vmprof.program import Program
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Instruction,
)
from vmprof.vm.executable import load
from vmprof.vm.tvm_vm import TvmVirtualMachine

CALL_TIR_DYN = "vm.builtin.call_tir_dyn"
# Clears a register; not worth a row (vmprof/record/rounds/hooked.py).
NULL_VALUE = "vm.builtin.null_value"

_PACKED = re.compile(r"^@(.*) packed_func;$", re.MULTILINE)
_COMPILED = re.compile(r"^@(.*) num_inputs=\d+ vm_tir_func;$", re.MULTILINE)
_CALL = re.compile(r"^  call  (\S+) +in: (.*) dst: ", re.MULTILINE)
_OPERAND = re.compile(r"f\[([^\]]+)\]")
_BODY = re.compile(r"^@(.*):\n((?:  .*\n)*)", re.MULTILINE)

# Names of wrapped kernels mean something only while a VM is made.
_names_taken = threading.Lock()

Wrap = Callable[[str, Any], Any]  # (name, packed function) -> what is called instead


class Outline:
    """What an executable's text says, without its constants.

    ``packed`` are the packed functions that it calls, ``compiled`` its functions of native
    code. ``makers`` are functions that hand kernels over to something that keeps them, or
    call such a function: what they make has the kernels of the VM that they run in.
    """

    def __init__(self, module: tvm_ffi.Module) -> None:
        text = str(module["as_text"]())
        self.packed = tuple(dict.fromkeys(_PACKED.findall(text)))
        self.compiled = tuple(_COMPILED.findall(text))
        bodies = {name: _CALL.findall(body) for name, body in _BODY.findall(text)}
        packed = set(self.packed)
        handed = {
            name: {
                operand
                for callee, operands in calls
                if callee != CALL_TIR_DYN
                for operand in _OPERAND.findall(operands)
                if operand in packed
            }
            for name, calls in bodies.items()
        }
        self.has_kernel_operands = any(
            operand in packed
            for calls in bodies.values()
            for _, operands in calls
            for operand in _OPERAND.findall(operands)
        )
        makers = {name for name, kernels in handed.items() if kernels}
        self.handed_over = tuple(dict.fromkeys(each for name in makers for each in handed[name]))
        more = makers
        while more:
            more = {
                name
                for name, calls in bodies.items()
                if name not in makers
                and any(
                    callee in makers or makers & set(_OPERAND.findall(operands))
                    for callee, operands in calls
                )
            }
            makers = makers | more
        self.makers = frozenset(makers)


def make_twin(
    executable: tvm_ffi.Module, outline: Outline, device: Any, memory_cfg: Any, wrap: Wrap
) -> TvmVirtualMachine:
    """A VM whose kernels that are operands went through ``wrap``."""
    device = [*device] if isinstance(device, list | tuple) else device
    if not outline.has_kernel_operands:
        return TvmVirtualMachine(executable, device, memory_cfg)
    program = Program.of_module(executable, "the module")
    bytecode, kernels = _with_places_for_kernels(program.bytecode)
    module = load(bytecode)
    for imported in program.module.imports:
        module.import_module(imported)
    wrapped = [wrap(name, program.packed_function(name)) for name in kernels]
    with _registered({_name(i): each for i, each in enumerate(wrapped)}):
        return TvmVirtualMachine(module, device, memory_cfg)


def _name(number: int) -> str:
    return f"vmprof.operand.{number}"


@contextmanager
def _registered(functions: dict[str, Any]) -> Iterator[None]:
    with _names_taken:
        for name, function in functions.items():
            tvm_ffi.register_global_func(name, function, override=True)
        try:
            yield
        finally:
            for name in functions:
                tvm_ffi.registry.remove_global_func(name)


def _with_places_for_kernels(bytecode: Bytecode) -> tuple[Bytecode, Sequence[str]]:
    """``bytecode`` whose operands that are packed functions have names of ours, and their own."""
    table = bytecode.functions
    places: dict[str, int] = {}

    def placed(operand: Any) -> Any:
        if not isinstance(operand, FunctionReference):
            return operand
        if table[operand.index].kind is not FunctionKind.PACKED:
            return operand
        number = places.setdefault(operand.name, len(places))
        return FunctionReference(len(table) + number, _name(number))

    code: list[Instruction] = [
        replace(each, operands=tuple(map(placed, each.operands)))
        if isinstance(each, Call)
        else each
        for each in bytecode.instructions
    ]
    added = [Function(FunctionKind.PACKED, _name(i), 0, 0, 0, 0, ()) for i in range(len(places))]
    return replace(bytecode, functions=(*table, *added), instructions=tuple(code)), [*places]
