"""Bytecode in which packed functions go by names of ours.

A VM of TVM's that is made of it takes whatever those names stand for just then: the functions
themselves, or wrapped ones. So kernels can be wrapped that are operands of instructions, which
somebody else calls: ``call_tir_dyn``, or an object that keeps them, such as a paged KV cache;
TVM's VM reports those calls to no instrument. And those that instructions call can be, for less
than an instrument costs.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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

NO_DOUBTS: Mapping[int, Sequence[int]] = {}
# Names of ours mean something only while a VM is made.
_names_taken = threading.Lock()


@dataclass(frozen=True)
class Place:
    """The packed function ``name`` where instructions call it, or where it is an operand.

    It would not survive that its own operands at ``needed`` are None, which they may be.
    """

    name: str
    is_operand: bool
    needed: tuple[int, ...] = ()


def with_places(
    bytecode: Bytecode,
    *,
    for_calls: bool,
    but: Container[str] = (),
    doubtful: Mapping[int, Sequence[int]] = NO_DOUBTS,
) -> tuple[Bytecode, Sequence[Place]]:
    """``bytecode`` whose operands that are packed functions have names of ours; and what they are.

    ``for_calls``: also those that instructions call, but for the functions ``but``, unless they are
    ``doubtful``, by instruction.
    """
    table = bytecode.functions
    places: dict[Place, int] = {}

    def placed(
        reference: FunctionReference, *, is_operand: bool, needed: Sequence[int] = ()
    ) -> FunctionReference:
        if table[reference.index].kind is not FunctionKind.PACKED:
            return reference
        place = Place(reference.name, is_operand, tuple(needed))
        number = places.setdefault(place, len(places))
        return FunctionReference(len(table) + number, _name(number))

    def placed_operand(operand: Any) -> Any:
        if not isinstance(operand, FunctionReference):
            return operand
        return placed(operand, is_operand=True)

    def placed_call(number: int, call: Call) -> Call:
        operands, callee = tuple(map(placed_operand, call.operands)), call.callee
        needed = doubtful.get(number, ())
        if for_calls and (needed or callee.name not in but):
            callee = placed(callee, is_operand=False, needed=needed)
        return replace(call, callee=callee, operands=operands)

    code: list[Instruction] = [
        placed_call(number, each) if isinstance(each, Call) else each
        for number, each in enumerate(bytecode.instructions)
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
    return f"vmprof.place.{number}"
