"""Which layers of the model the calls of an executable do the work of.

The compiler knew it of calls in a function, one after the other; bytecode has them in that
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmprof.program.bytecode import Bytecode, Call, Function, FunctionKind, Ret


@dataclass(frozen=True)
class KernelCall:
    """A call of ``kernel`` that does the work of ``layers``, as a report's cell has them.

    That is "" where nobody knows.
    """

    kernel: str
    layers: str


Calls = Mapping[str, Sequence[KernelCall]]  # by the function that makes them


def layers_by_instruction(bytecode: Bytecode, calls: Calls) -> dict[int | None, str]:
    """The layers of each instruction that calls a kernel and is known to be of any.

    A function of which an instruction too many or too few calls a kernel, or kernels are called
    in another order than the compiler had them in, tells nothing.
    """
    found: dict[int | None, str] = {}
    for function in bytecode.functions:
        if function.kind is FunctionKind.VM and function.name in calls:
            found.update(_of_function(bytecode, function, calls[function.name]))
    return found


def _of_function(
    bytecode: Bytecode, function: Function, calls: Sequence[KernelCall]
) -> Iterator[tuple[int, str]]:
    kernels = {call.kernel for call in calls}
    made = [
        (number, instruction.callee.name)
        for number, instruction in bytecode.body(function)
        if isinstance(instruction, Call) and instruction.callee.name in kernels
    ]
    left = calls_left([name for _, name in made], calls)
    for (number, _), call in zip(made, left, strict=False):
        if call.layers:
            yield number, call.layers


def calls_left(made: Sequence[str], calls: Sequence[KernelCall]) -> Sequence[KernelCall]:
    """Of the ``calls`` that the compiler had, those that are ``made``, of names in their order.

    Names of others than kernels do not matter. Nothing if the order is another one.
    """
    kernels = {call.kernel for call in calls}
    called = [name for name in made if name in kernels]
    # Some kernels are gone later: TVM calls a builtin for those that reshape.
    there = set(called)
    left = [call for call in calls if call.kernel in there]
    return left if called == [call.kernel for call in left] else ()


def straight_calls(bytecode: Bytecode, entry: str) -> Sequence[tuple[int, str]]:
    """The calls that every run of ``entry`` makes, in this order: instruction and callee.

    None of them if it branches, or calls bytecode.
    """
    function = bytecode.function(entry)
    made: list[tuple[int, str]] = []
    for number, instruction in bytecode.body(function) if function else ():
        match instruction:
            case Call() if bytecode.functions[instruction.callee.index].kind is FunctionKind.PACKED:
                made.append((number, instruction.callee.name))
            case Ret():
                pass
            case _:
                return ()
    return made
