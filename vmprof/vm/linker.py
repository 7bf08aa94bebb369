"""Instructions -> blocks that the dispatch loop runs without looking anything up.

Calls of packed functions that follow one another are steps of one block, which the shim
runs in one go (:mod:`vmprof.vm.code`). What the loop does itself comes between blocks:
branches, calls of VM functions, and calls of what a user put there in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tvm_ffi

from vmprof.native import guard
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
from vmprof.vm.code import Code, Frame
from vmprof.vm.compiled import AnyList, CompiledFunction
from vmprof.vm.errors import check_arity
from vmprof.vm.instrument import Instrument, instrumented

# TVM calls a packed function that does nothing, for the None that it returns.
NULL_VALUE = "vm.builtin.null_value"
CALL_TIR_DYN = "vm.builtin.call_tir_dyn"
# Not worth a row, or, for call_tir_dyn, told by the row of the kernel that it calls.
UNRECORDED = frozenset({NULL_VALUE, CALL_TIR_DYN})

Callee = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a program where a packed function is called.

    Sites are numbered in the order in which a VM links them; records of
    calls carry the number.
    """

    number: int
    function: str  # the VM function that the instruction belongs to
    instruction: int | None  # None where that function is native code
    callee: str  # the packed function's name


# What a VM's owner may put between the VM and a packed function.
Wrapper = Callable[[Site, Callee], Callee]


@dataclass(slots=True)
class Block:
    """Steps that the shim runs one after the other, and where to go then.

    ``number`` is the block's in its function's code. ``call``, if any, comes after the
    steps: another VM function, which the same loop runs, or a Python function; ``at`` is the
    number of that instruction. With ``branches``, the value that the block gives decides
    between ``then`` and ``otherwise``; else the way is ``then``. With neither, that value is
    the function's result.
    """

    number: int = 0
    call: LinkedFunction | Callee | None = None
    at: int = 0
    branches: bool = False
    then: Block | None = None
    otherwise: Block | None = None


def _not_linked(*_: Any) -> Frame:
    raise AssertionError("a function runs before it is linked")


@dataclass(slots=True)
class LinkedFunction:
    """A VM function of bytecode, ready to run from ``entry``.

    ``activate`` makes a frame of its arguments, one for each activation: recursion must not
    share registers. A function without branches and calls of others has ``run``, which runs
    all of it. ``instructions`` has the number of the instruction of each step.
    """

    source: Function
    activate: Callable[..., Frame] = _not_linked
    run: Callable[..., Any] | None = None
    entry: Block = field(default_factory=Block)
    instructions: list[int] = field(default_factory=list)


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

    def callee(self, reference: FunctionReference, function: str, number: int) -> Callee | None:
        """What the instruction ``number`` of ``function`` calls, with what is put around it.

        None if all that it does is to clear a register.
        """
        index, name = reference.index, reference.name
        vm_function = index in self.closures
        callee: Callee = partial(self.enter, index) if vm_function else self.packed(index)
        if self.instrument is not None:
            value = self.closures[index] if vm_function else callee
            return instrumented(self.instrument, self._guarded(callee, number), value, name)
        if vm_function:
            return callee
        if name == NULL_VALUE:
            return None
        return self._guarded(self.wrapped(callee, function, number, name), number)

    def _guarded(self, callee: Callee, number: int) -> Callee:
        """What instruction ``number`` calls, where that would not survive what it may be given."""
        places = self.program.doubtful.get(number, ())
        return guard(callee, *places) if places else callee

    def wrapped(self, callee: Callee, function: str, number: int | None, name: str) -> Callee:
        """``callee`` as it is called at one place of ``function``."""
        if self.wrap is None or name in UNRECORDED:
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


def _refuse(function: Function, *args: Any) -> None:
    """What is called instead of ``function`` where the number of arguments is wrong."""
    check_arity(function, args)


class _FunctionLinker:
    """Makes the blocks and the code of one function."""

    def __init__(self, linker: Linker, linked: LinkedFunction) -> None:
        self._linker = linker
        self._linked = linked
        self._function = linked.source
        self._code = Code(linked.source.num_registers)

    def link(self) -> None:
        starts = self._block_starts()
        blocks = {start: Block() for start in starts}
        for start, end in zip(starts, [*starts[1:], self._function.end], strict=True):
            self._link_between(start, end, blocks)
        entry = self._linked.entry = blocks[self._function.start]
        straight = entry.call is None and entry.then is None
        self._linked.activate, self._linked.run = self._code.finish(straight=straight)

    def _link_between(self, start: int, end: int, blocks: Mapping[int, Block]) -> None:
        """The block at ``start``, and those that follow it up to the next of ``blocks``."""
        instructions = self._linker.program.bytecode.instructions
        code, block, first_step = self._code, blocks[start], self._code.num_steps
        incoming = self._result_before(start)
        for number in range(start, end):
            match instructions[number]:
                case Call() as call:
                    operands = [self._operand(operand, number) for operand in call.operands]
                    destination = self._register(call.destination)
                    callee = self._callee(call, number)
                    if callee is None or isinstance(callee, tvm_ffi.Function):
                        code.add_step(callee, operands, destination)
                        self._linked.instructions.append(number)
                        block.then = blocks.get(number + 1)
                        continue
                    block.number = code.add_block(first_step, incoming=incoming, call=operands)
                    block.call, block.at = callee, number
                    block.then = blocks.get(end) if number + 1 == end else Block()
                    if block.then is None or number + 1 == end:
                        return
                    block, first_step, incoming = block.then, code.num_steps, destination
                case Ret(result):
                    given = self._operand(result, number)
                    block.number = code.add_block(first_step, incoming=incoming, given=given)
                    block.then = None
                    return
                case Goto(offset):
                    block.then = blocks[number + offset]
                case If(condition, false_offset):
                    given = self._operand(condition, number)
                    block.number = code.add_block(first_step, incoming=incoming, given=given)
                    block.branches = True
                    block.then = blocks[number + 1]
                    block.otherwise = blocks[number + false_offset]
                    return
        block.number = code.add_block(first_step, incoming=incoming)

    def _callee(self, call: Call, number: int) -> LinkedFunction | Callee | None:
        called = self._linker.direct(call.callee.index)
        if called is None:
            return self._linker.callee(call.callee, self._function.name, number)
        if len(call.operands) != called.source.num_args:
            return partial(_refuse, called.source)
        return called

    def _result_before(self, start: int) -> int | None:
        """Where the call just before ``start`` puts its result, if there is one."""
        if start > self._function.start:
            match self._linker.program.bytecode.instructions[start - 1]:
                case Call(destination):
                    return self._register(destination)
        return None

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

    def _register(self, register: Register) -> int | None:
        """Where a result goes, None if nowhere."""
        return register.index if register.index < self._function.num_registers else None

    def _operand(self, operand: Operand, number: int) -> int:
        """As :class:`Code` has it."""
        match operand:
            case Register(index) if index == VOID_REGISTER:
                return self._code.constant("void", None)
            case Register(index) if index == VM_REGISTER:
                return self._code.constant("vm", self._linker.context)
            case Register(index):
                return index
            case Immediate(value):
                return self._code.constant(operand, value)
            case ConstantReference(index):
                return self._code.constant(operand, self._linker.constants[index])
            case FunctionReference(index):
                value = self._linker.value(index, self._function.name, number)
                return self._code.constant((operand, number), value)
