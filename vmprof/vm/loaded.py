"""Tensors of an executable that TVM has loaded: its own objects, without another copy of them.

TVM hands its constants to nobody but the functions that are called with them, and to an
instrument, before each call. So the functions are run with one that skips every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tvm.runtime import Device
from tvm.runtime.vm import VMInstrumentReturnKind

from vmprof.program import Program
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    Function,
    FunctionKind,
    Goto,
    If,
    Ret,
    TensorConstant,
)
from vmprof.program.program import MissingFunctionError
from vmprof.vm.tvm_vm import TvmVirtualMachine


def tensors_of(bytecode: Bytecode) -> list[int]:
    """The places in the pool of constants that are tensors."""
    return [i for i, each in enumerate(bytecode.constants) if isinstance(each, TensorConstant)]


def loaded_tensors(program: Program, device: Device) -> dict[int, Any]:
    """The tensors of ``program.module`` as its VMs on ``device`` have them, by their places.

    Those that functions use only behind a branch, or in native code, are not among them;
    none are where somebody else has the module, or a packed function is missing.
    """
    bytecode = program.bytecode
    missing = set(tensors_of(bytecode))
    # A VM of TVM's leaves traces in an executable, which are seen when it is written out again.
    if not (missing and program.exclusive):
        return {}
    try:
        program.check_packed_functions()  # TVM makes no VM without
    except MissingFunctionError:
        return {}
    vm = TvmVirtualMachine(program.module, device)
    found: dict[int, Any] = {}
    # Where a name stands twice in the table, TVM knows the last function of it.
    for function in {each.name: each for each in bytecode.functions}.values():
        if function.kind is FunctionKind.VM:
            calls = _calls_without_branch(bytecode, function)
            found |= _handed_over(vm, function, calls, missing - found.keys())
    return found


def _calls_without_branch(bytecode: Bytecode, function: Function) -> Iterator[Call]:
    """Those that every run of ``function`` makes, in order: all before the first branch."""
    number, passed = function.start, set[int]()
    while number not in passed:
        passed.add(number)
        match bytecode.instructions[number]:
            case Call() as call:
                yield call
                number += 1
            case Goto(offset):
                number += offset
            case Ret() | If():
                return


def _handed_over(
    vm: TvmVirtualMachine, function: Function, calls: Iterable[Call], wanted: set[int]
) -> dict[int, Any]:
    """What ``vm`` hands over in ``calls``, the first that it makes: constants by place."""
    expected: list[Sequence[tuple[int, int]]] = [  # of each call: places in its operands, the pool
        [
            (at, operand.index)
            for at, operand in enumerate(call.operands)
            if isinstance(operand, ConstantReference) and operand.index in wanted
        ]
        for call in calls
    ]
    while expected and not expected[-1]:
        expected.pop()
    if not expected:
        return {}
    found: dict[int, Any] = {}
    left = iter(expected)

    def look(_function: Any, _name: str, _before: bool, _result: Any, *operands: Any) -> int:  # noqa: FBT001 # native code gives no names
        for at, place in next(left):  # at the end of them the run ends, with this error
            found[place] = operands[at]
        return int(VMInstrumentReturnKind.SKIP_RUN)

    vm.set_instrument(look)
    try:
        vm[function.name](*[None] * function.num_args)
    except Exception:
        if next(left, None) is not None:
            raise
    return found
