"""Instructions -> steps that the dispatch loop runs without looking anything up.

Every function has a frame: a list that begins with its registers and goes on
with the values that never change (void, the VM, constants, immediates,
functions). A step then needs three things: what to call, a getter that picks
its operands off the frame in one go, and the slot for the result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from vmprof.machine.compiled import AnyList, CompiledFunction
from vmprof.machine.errors import check_arity
from vmprof.machine.instrument import Instrument, instrumented
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
    instruction: int | None  # None where that function is native code
    callee: str  # the packed function's name


# the same, of a VM function that runs in the same loop
DirectCall = tuple["LinkedFunction", Operands, int, int]

# What a machine's owner may put between the machine and a packed function.
Wrapper = Callable[[Site, Callee], Callee]


@dataclass(slots=True)
class Block:
    """Steps that run one after the other, and where to go then.

    ``call``, if any, comes after the steps: it calls another VM function, in
    the same loop. ``condition`` is the slot that decides between ``then`` and
    ``otherwise``; without it the way is ``then``. With neither, the function
    returns ``result``.
    """

    steps: tuple[Step, ...] = ()
    call: DirectCall | None = None
    condition: int | None = None
    then: Block | None = None
    otherwise: Block | None = None
    result: int = 0


@dataclass(slots=True)
class LinkedFunction:
    """A VM function of bytecode, ready to run from ``entry``."""

    source: Function
    frame: list[Any] = field(default_factory=list)
    entry: Block = field(default_factory=Block)

    def activate(self, args: Sequence[Any]) -> list[Any]:
        """A frame of its own for one activation: recursion must not share registers."""
        check_arity(self.source, args)
        frame = self.frame.copy()
        frame[: len(args)] = args
        return frame


@dataclass
class Linker:
    """Links the functions of ``program``; ``sites`` grows as it meets calls to wrap.

    ``constants`` and ``context`` are what the instructions mean by ``c[i]`` and
    ``%vm``; ``closures`` are the VM functions as values, by their place in the
    table; ``enter(place, *arguments)`` calls one. ``wrap`` and ``instrument``
    put something around the calls.
    """

    program: Program
    constants: Sequence[Any]
    context: Any
    closures: Mapping[int, Any]
    enter: Callee
    wrap: Wrapper | None = None
    instrument: Instrument | None = None
    functions: dict[int, LinkedFunction | CompiledFunction] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    _packed: dict[int, Callee] = field(default_factory=dict)

    def link(self) -> None:
        """Fill in ``functions``, by their place in the table."""
        table = self.program.bytecode.functions
        # All of them first: they may call one another.
        for index, function in enumerate(table):
            if function.kind is FunctionKind.PACKED:
                self.packed(index)  # what is missing is told now, as TVM does
            elif function.kind is FunctionKind.VM:
                self.functions[index] = LinkedFunction(function)
        self._link_compiled()
        for linked in self.functions.values():
            if isinstance(linked, LinkedFunction):
                _FunctionLinker(self, linked).link()

    def packed(self, index: int) -> Callee:
        """The packed function of the table at ``index``."""
        if index not in self._packed:
            name = self.program.bytecode.functions[index].name
            self._packed[index] = self.program.packed_function(name)
        return self._packed[index]

    def direct(self, index: int) -> LinkedFunction | None:
        """The function of the table at ``index`` if the loop itself may run a call of it."""
        if self.instrument is not None:
            return None
        function = self.functions.get(index)
        return function if isinstance(function, LinkedFunction) else None

    def callee(self, reference: FunctionReference, function: str, number: int) -> Callee:
        """What the instruction ``number`` of ``function`` calls, with what is put around it."""
        index, name = reference.index, reference.name
        vm_function = index in self.closures
        callee: Callee = partial(self.enter, index) if vm_function else self.packed(index)
        if self.instrument is not None:
            value = self.closures[index] if vm_function else callee
            return instrumented(self.instrument, callee, value, name)
        if vm_function:
            return callee
        return self.wrapped(_INLINE.get(name, callee), function, number, name)

    def wrapped(self, callee: Callee, function: str, number: int | None, name: str) -> Callee:
        """``callee`` as it is called at one place of ``function``."""
        if self.wrap is None or name in _UNRECORDED:
            return callee
        site = Site(len(self.sites), function, number, name)
        self.sites.append(site)
        return self.wrap(site, callee)

    def _link_compiled(self) -> None:
        table = self.program.bytecode.functions
        compiled = [i for i, function in enumerate(table) if function.kind is FunctionKind.VMTIR]
        if not compiled:
            return
        constants = AnyList(self.constants)
        values = AnyList([self.value(i, "", None) for i in range(len(table))])
        for index in compiled:
            name = table[index].name
            symbol = f"__vmtir__{name}"
            native = self.wrapped(self.program.packed_function(symbol), name, None, symbol)
            self.functions[index] = CompiledFunction(
                table[index], native, self.context, constants, values
            )

    def value(self, index: int, function: str, number: int | None) -> Any:
        """A function of the table as an operand of one instruction, or of native code."""
        if index in self.closures:
            return self.closures[index]
        name = self.program.bytecode.functions[index].name
        return self.wrapped(self.packed(index), function, number, name)


# Clears a register. TVM calls a packed function for it; None is all it returns.
_INLINE: dict[str, Callee] = {"vm.builtin.null_value": lambda: None}

# Not worth a row, or, for call_tir_dyn, told by the row of the kernel that it calls.
_UNRECORDED = {"vm.builtin.null_value", "vm.builtin.call_tir_dyn"}


class _FunctionLinker:
    """Lays out the frame of one function while its instructions are linked."""

    def __init__(self, linker: Linker, linked: LinkedFunction) -> None:
        self._linker = linker
        self._linked = linked
        self._function = linked.source
        self._frame = linked.frame
        self._frame += [None] * linked.source.num_registers
        self._slots: dict[object, int] = {}

    def link(self) -> None:
        function, instructions = self._function, self._linker.program.bytecode.instructions
        starts = self._block_starts()
        blocks = {start: Block() for start in starts}
        for start, end in zip(starts, [*starts[1:], function.end], strict=True):
            block = blocks[start]
            steps: list[Step] = []
            for number in range(start, end):
                match instructions[number]:
                    case Call() as call:
                        direct = self._linker.direct(call.callee.index)
                        if direct is not None:
                            block.call = (direct, *self._parts(call, number))
                        else:
                            callee = self._linker.callee(call.callee, function.name, number)
                            steps.append((callee, *self._parts(call, number)))
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
        self._linked.entry = blocks[function.start]

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
                case Call(_, callee) if self._linker.direct(callee.index):
                    starts.add(number + 1)
        return sorted(start for start in starts if start < self._function.end)

    def _parts(self, call: Call, number: int) -> tuple[Operands, int, int]:
        """The operands, the slot of the result and the number of a step."""
        slots = [self._operand_slot(operand, number) for operand in call.operands]
        destination = call.destination.index
        if destination >= self._function.num_registers:
            destination = self._slot("discarded result", None)
        return _getter(slots), destination, number

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
            case FunctionReference(index):
                value = self._linker.value(index, self._function.name, number)
                return self._slot((operand, number), value)

    def _slot(self, key: object, value: Any) -> int:
        if key not in self._slots:
            self._slots[key] = len(self._frame)
            self._frame.append(value)
        return self._slots[key]


def _getter(slots: Sequence[int]) -> Operands:
    """A function in C that picks ``slots`` off a frame, as a sequence also for one or none."""
    if len(slots) >= 2:
        return operator.itemgetter(*slots)
    if not slots:
        return no_operands
    return operator.itemgetter(slice(slots[0], slots[0] + 1))


no_operands: Operands = operator.itemgetter(slice(0, 0))
