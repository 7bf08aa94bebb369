"""A second VM for the same executable, whose calls the recorder sees.

The VM that the program made stays as it is, and runs what is not recorded. A recorded
invocation runs in the twin: constants are shared, as both are made of one module, and a
closure or an object of one works in the other.

The executable of a twin that has kernels as operands is written anew (with constants of its
own), with wrapped kernels in their places: :mod:`vmprof.vm.places`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import tvm_ffi

from vmprof.program import Program
from vmprof.vm.executable import load
from vmprof.vm.linker import CALL_TIR_DYN
from vmprof.vm.places import in_places, with_places
from vmprof.vm.tvm_vm import TvmVirtualMachine

_PACKED = re.compile(r"^@(.*) packed_func;$", re.MULTILINE)
_COMPILED = re.compile(r"^@(.*) num_inputs=\d+ vm_tir_func;$", re.MULTILINE)
_CALL = re.compile(r"^  call  (\S+) +in: (.*) dst: ", re.MULTILINE)
_OPERAND = re.compile(r"f\[([^\]]+)\]")
_BRANCH = re.compile(r"^  (?:goto|If) ", re.MULTILINE)
_BODY = re.compile(r"^@(.*):\n((?:  .*\n)*)", re.MULTILINE)

Wrap = Callable[[str, Any], Any]  # (name, packed function) -> what is called instead


class Outline:
    """What an executable's text says, without its constants.

    ``packed`` are the packed functions that it calls, ``compiled`` its functions of native
    code. ``straight`` are the callees of each function that makes the same calls each time, all of
    them of packed functions, in their order. ``makers`` are functions that hand kernels over to
    something that keeps them, or call such a function: what they make has the kernels of the VM
    that they run in.
    """

    def __init__(self, module: tvm_ffi.Module) -> None:
        text = str(module["as_text"]())
        self.packed = tuple(dict.fromkeys(_PACKED.findall(text)))
        self.compiled = tuple(_COMPILED.findall(text))
        texts = dict(_BODY.findall(text))
        bodies = {name: _CALL.findall(body) for name, body in texts.items()}
        packed = set(self.packed)
        self.straight = {
            name: tuple(callee for callee, _ in calls)
            for name, calls in bodies.items()
            if not _BRANCH.search(texts[name]) and packed.issuperset(callee for callee, _ in calls)
        }
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
    bytecode, places = with_places(program.bytecode, for_calls=False)
    module = load(bytecode)
    for imported in program.module.imports:
        module.import_module(imported)
    with in_places([wrap(each.name, program.packed_function(each.name)) for each in places]):
        return TvmVirtualMachine(module, device, memory_cfg)
