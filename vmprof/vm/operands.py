"""Kernels that are operands of instructions, which somebody else calls.

``call_tir_dyn`` does, or an object that keeps them, such as a paged KV cache; TVM's VM reports
those calls to no instrument. Bytecode in which they go by names of ours takes whatever those
names stand for when a VM of TVM's is made of it: the kernels, or wrapped ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import tvm_ffi

from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Instruction,
)

# Names of ours mean something only while a VM is made.
_names_taken = threading.Lock()


def with_places_for_kernels(bytecode: Bytecode) -> tuple[Bytecode, Sequence[str]]:
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


@contextmanager
def in_places(kernels: Sequence[Any]) -> Iterator[None]:
    """A VM that is made inside the ``with`` gets ``kernels``, in the order of the places."""
    with _names_taken:
        for number, kernel in enumerate(kernels):
            tvm_ffi.register_global_func(_name(number), kernel, override=True)
        try:
            yield
        finally:
            for number in range(len(kernels)):
                tvm_ffi.registry.remove_global_func(_name(number))


def _name(number: int) -> str:
    return f"vmprof.operand.{number}"
