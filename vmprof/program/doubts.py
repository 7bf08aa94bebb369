"""What a run has to see, before it would end the process: builtins that may be given None.

Where the code alone says that they are, the executable is refused
(:mod:`vmprof.program.builtins`). Compiled models hardly have a place where it may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmprof.program.builtins import NOTHING, calls, needed
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
)

# So often parameters that may be None make those of other functions so; then all may be.
_MOST_ROUNDS = 8


def doubtful_operands(bytecode: Bytecode) -> Mapping[int, Sequence[int]]:
    """By instruction, the places of operands of its call that may be None, and must not be.

    What is given from outside counts as something: TVM does not take None for a tensor either.
    """
    functions = _functions(bytecode)
    parameters = _parameters(bytecode, functions)
    found = {}
    for index, function in functions.items():
        for number, call, registers in calls(function, bytecode.instructions, parameters[index]):
            places = [at for at in needed(call) if NOTHING in registers.held(call.operands[at])]
            if places:
                found[number] = places
    return found


def _functions(bytecode: Bytecode) -> dict[int, Function]:
    table = enumerate(bytecode.functions)
    return {index: each for index, each in table if each.kind is FunctionKind.VM}


def _parameters(bytecode: Bytecode, functions: Mapping[int, Function]) -> dict[int, set[int]]:
    """Of each of ``functions``, the parameters that other functions may pass None for."""
    found: dict[int, set[int]] = {index: set() for index in functions}
    for index in _values(bytecode) & functions.keys():
        found[index] |= {*range(functions[index].num_args)}
    for _ in range(_MOST_ROUNDS):
        before = sum(map(len, found.values()))
        for index, function in functions.items():
            for _, call, registers in calls(function, bytecode.instructions, found[index]):
                if call.callee.index in functions:
                    found[call.callee.index] |= {
                        place
                        for place, operand in enumerate(call.operands)
                        if NOTHING in registers.held(operand)
                    }
        if sum(map(len, found.values())) == before:
            return found
    return {index: {*range(function.num_args)} for index, function in functions.items()}


def _values(bytecode: Bytecode) -> set[int]:
    """The functions of the table that are operands somewhere: anybody may call them."""
    return {
        operand.index
        for call in bytecode.instructions
        if isinstance(call, Call)
        for operand in call.operands
        if isinstance(operand, FunctionReference)
    }
