"""Instructions -> steps that the dispatch loop runs without looking anything up.

Every function has a frame: a list that begins with its registers and goes on
with the values that never change (void, the VM, constants, immediates,
functions). A step then needs three things: what to call, a getter that picks
its operands off the frame in one go, and the slot for the result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Call,
    ConstantReference,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Operand,
    Register,
    Ret,
)

Callee = Callable[..., Any]
Operands = Callable[[Sequence[Any]], Sequence[Any]]
# callee, operands, slot of the result, number of the instruction
Step = tuple[Callee, Operands, int, int]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a program where a packed function is called.

    Sites are numbered in the order in which a machine links them; records of
    calls carry the number.
    """

    number: int
    function: str  # the VM function that the instruction belongs to
    instruction: int
    callee: str  # the packed function's name


# What a machine's owner may put between the machine and a packed function.
Wrapper = Callable[[Site, Callee], Callee]


@dataclass(slots=True)
class Block:
    """Steps that run one after the other, and where to go then.

    ``condition`` is the slot that decides between ``then`` and ``otherwise``;
    without it the way is ``then``. With neither, the function returns ``result``.
    """

    steps: tuple[Step, ...] = ()
    condition: int | None = None
    then: Block | None = None
    otherwise: Block | None = None
    result: int = 0


@dataclass(slots=True)
class LinkedFunction:
    """A VM function ready to run: copy ``frame``, put the arguments first, begin at ``entry``."""

    source: Function
    frame: list[Any]
    entry: Block


@dataclass
class Linker:
    """Links the functions of ``program``; ``sites`` grows as it meets packed calls.

    ``constants`` and ``context`` are what the instructions mean by ``c[i]`` and
    ``%vm``; ``invoke(function index)`` gives the callable for a VM function.
    """

    program: Program
    constants: Sequence[Any]
    context: Any
    invoke: Callable[[int], Callee]
    wrap: Wrapper | None = None
    sites: list[Site] = field(default_factory=list)

    def link(self, function: Function) -> LinkedFunction:
        """Link one VM function."""
        if function.kind is not FunctionKind.VM:
            raise VmprofError(
                f"function {function.name!r} of {self.program.name} was compiled with "
                'exec_mode="compiled"; vmprof runs exec_mode="bytecode", TVM\'s default'
            )
        return _FunctionLinker(self, function).link()

    def packed(self, index: int, function: Function, instruction: int) -> Callee:
        """The packed function of the table at ``index`` as called from one instruction."""
        name = self.program.bytecode.functions[index].name
        callee = _INLINE.get(name) or self.program.packed_function(name)
        if self.wrap is None or name in _UNRECORDED:
            return callee
        site = Site(len(self.sites), function.name, instruction, name)
        self.sites.append(site)
        return self.wrap(site, callee)


# Clears a register. TVM calls a packed function for it; None is all it returns.
_INLINE: dict[str, Callee] = {"vm.builtin.null_value": lambda: None}

# Not worth a row, or, for call_tir_dyn, told by the row of the kernel that it calls.
_UNRECORDED = {"vm.builtin.null_value", "vm.builtin.call_tir_dyn"}


class _FunctionLinker:
    """Lays out the frame of one function while its instructions are linked."""

    def __init__(self, linker: Linker, function: Function) -> None:
        self._linker = linker
        self._function = function
        self._frame: list[Any] = [None] * function.num_registers
        self._slots: dict[object, int] = {}

    def link(self) -> LinkedFunction:
        function, bytecode = self._function, self._linker.program.bytecode
        starts = self._block_starts()
        blocks = {start: Block() for start in starts}
        for start, end in zip(starts, [*starts[1:], function.end], strict=True):
            block = blocks[start]
            steps: list[Step] = []
            for number in range(start, end):
                match bytecode.instructions[number]:
                    case Call() as call:
                        steps.append(self._step(call, number))
                        block.then = blocks.get(number + 1)
                    case Ret(result):
                        block.result, block.then = self._operand_slot(result, number), None
                    case Goto(offset):
                        block.then = blocks[number + offset]
                    case If(condition, false_offset):
                        block.condition = self._operand_slot(condition, number)
                        block.then = blocks[number + 1]
                        block.otherwise = blocks[number + false_offset]
            block.steps = tuple(steps)
        return LinkedFunction(function, self._frame, blocks[function.start])

    def _block_starts(self) -> list[int]:
        """Where a jump may arrive, or the instruction before ends a block."""
        starts = {self._function.start}
        for number, instruction in self._linker.program.bytecode.body(self._function):
            match instruction:
                case Goto(offset):
                    starts |= {number + offset, number + 1}
                case If(_, false_offset):
                    starts |= {number + 1, number + false_offset}
                case Ret():
                    starts.add(number + 1)
        return sorted(start for start in starts if start < self._function.end)

    def _step(self, call: Call, number: int) -> Step:
        callee = self._callee(call.callee, number)
        slots = [self._operand_slot(operand, number) for operand in call.operands]
        destination = call.destination.index
        if destination >= self._function.num_registers:
            destination = self._slot("discarded result", None)
        return callee, _getter(slots), destination, number

    def _callee(self, reference: FunctionReference, number: int) -> Callee:
        kind = self._linker.program.bytecode.functions[reference.index].kind
        if kind is FunctionKind.PACKED:
            return self._linker.packed(reference.index, self._function, number)
        return self._linker.invoke(reference.index)

    def _operand_slot(self, operand: Operand, number: int) -> int:
        match operand:
            case Register(index) if index == VOID_REGISTER:
                return self._slot("void", None)
            case Register(index) if index == VM_REGISTER:
                return self._slot("vm", self._linker.context)
            case Register(index):
                return index
            case Immediate(value):
                return self._slot(operand, value)
            case ConstantReference(index):
                return self._slot(operand, self._linker.constants[index])
            case FunctionReference(index, name):
                if self._linker.program.bytecode.functions[index].kind is not FunctionKind.PACKED:
                    raise VmprofError(
                        f"{self._function.name!r} uses the function {name!r} as a value "
                        f"(instruction {number}); vmprof cannot run closures yet"
                    )
                callee = self._linker.packed(index, self._function, number)
                return self._slot((operand, number), callee)

    def _slot(self, key: object, value: Any) -> int:
        if key not in self._slots:
            self._slots[key] = len(self._frame)
            self._frame.append(value)
        return self._slots[key]


def _getter(slots: Sequence[int]) -> Operands:
    """A function in C that picks ``slots`` off a frame, as a sequence also for one or none."""
    if len(slots) >= 2:
        return operator.itemgetter(*slots)
    only = slots[0] if slots else 0
    return operator.itemgetter(slice(only, only + len(slots)))
