"""What TVM's builtins take on trust, checked before anything runs.

They read the operands that they are given as the compiler would have written them: an object that
is none, a slot outside of the heap of symbolic dimensions, or too few operands end the process.
What can be told from the code is refused here; what a register holds is followed as far as other
instructions of the same function say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Call,
    Constant,
    ConstantReference,
    Function,
    Goto,
    If,
    Immediate,
    Instruction,
    Operand,
    Register,
    ShapeConstant,
)

_PREFIX = "vm.builtin."

# Operands that must not be None, by their places.
_OBJECTS: Mapping[str, tuple[int, ...]] = {
    "alloc_shape_heap": (0,),
    "alloc_storage": (0,),
    "alloc_tensor": (0,),
    "call_tir_dyn": (0,),
    "check_func_info": (0,),
    "check_prim_value_info": (0,),
    "check_shape_info": (0,),
    "check_tensor_info": (0,),
    "check_tuple_info": (0,),
    "ensure_zero_offset": (0,),
    "invoke_closure": (0,),
    "make_closure": (0,),
    "match_shape": (0,),
    "read_if_cond": (0,),
    "reshape": (0,),
    "shape_of": (0,),
    "tensor_to_shape": (0,),
    "to_device": (0,),
    "tuple_reset_item": (0,),
}
# So many operands those read that do not count them.
_LEAST: Mapping[str, int] = {
    "alloc_tensor": 4,
    "call_py_func": 1,
    "call_tir_dyn": 2,
    "check_tensor_info": 3,
    "invoke_closure": 2,
    "make_closure": 1,
    "make_shape": 2,
    "match_shape": 4,
    "to_device": 3,
}
# Numbers that count from here on, by the operands' places: a device among a VM's (-1 is the
# host), where a tensor begins in its storage, which device.
_LEAST_NUMBERS: Mapping[str, tuple[int, int]] = {
    "alloc_storage": (2, -1),
    "alloc_tensor": (1, 0),
    "to_device": (1, 0),
}
# The shape of what they make.
_SHAPES: Mapping[str, int] = {"alloc_storage": 1, "alloc_tensor": 2}
# Of MatchShapeCode and MakeShapeCode (tvm/runtime/vm/builtin.h), those that use the heap.
_MATCHING_THE_HEAP, _LOADING_FROM_THE_HEAP = frozenset({1, 3}), frozenset({1})
_MOST_SLOTS = 1 << 32

# What a register may hold: nothing, a heap of so many slots, something that is none, or anything
# but nothing.
NOTHING, _NO_HEAP, _ANYTHING = None, "no heap", "anything"
Held = frozenset[int | str | None]
_NONE: Held = frozenset({NOTHING})
_UNKNOWN: Held = frozenset({_ANYTHING})
_DOUBTFUL = _NONE | _UNKNOWN
_GIVING_NOTHING = frozenset({"null_value", "match_shape", "match_prim_value", "tuple_reset_item"})
_GIVING_NO_HEAP = frozenset(
    {"alloc_storage", "make_closure", "make_prim_value", "make_shape", "make_tuple", "read_if_cond"}
    | {"shape_of", "tensor_to_shape"}
)
# They give what others made of it.
_GIVING_ALL = frozenset(
    {"call_py_func", "call_tir_dyn", "invoke_closure", "invoke_debug_func", "tuple_getitem"}
)

Fail = Callable[[str], Exception]


@dataclass(frozen=True)
class _Heap:
    """Of a call: its heap, and pairs of a code and what it means; a slot of ``touching`` codes."""

    heap: Operand
    pairs: Sequence[tuple[Operand, Operand]]
    touching: frozenset[int]


def check_builtins(
    function: Function,
    instructions: Sequence[Instruction],
    constants: Sequence[Constant],
    fail: Fail,
) -> None:
    """Raise ``fail(problem)`` for the first call of ``function`` that would end the process.

    All that the instructions name has to exist.
    """
    for number, call, registers in calls(function, instructions):
        for problem in _problems(call, registers, constants):
            raise fail(f"instruction {number} calls {call.callee.name}: {problem}")


def needed(call: Call) -> Iterator[int]:
    """The places of operands of ``call`` that must not be None."""
    if not call.callee.name.startswith(_PREFIX):
        return
    name, operands = call.callee.name.removeprefix(_PREFIX), call.operands
    yield from (place for place in _OBJECTS.get(name, ()) if place < len(operands))
    heap = _heap(name, operands)
    if heap is not None and any(
        isinstance(code, Immediate) and code.value in heap.touching for code, _ in heap.pairs
    ):
        yield operands.index(heap.heap)


def calls(
    function: Function, instructions: Sequence[Instruction], doubtful: Collection[int] = ()
) -> Iterator[tuple[int, Call, Registers]]:
    """The calls of ``function``, their numbers, and what registers may hold just before.

    ``doubtful`` are parameters that may be None.
    """
    body = range(function.start, function.end)
    back = [n + by for n in body for by in _jumps(instructions[n]) if by < 0]
    registers = Registers(function.num_args, doubtful)
    # Up to where some way leads past; and between which some way leads back.
    passed, first, last = function.start, min(back, default=-1), max(back, default=-1)
    for number in body:
        if number == first:  # what comes later may have come before
            for later in range(number, function.end):
                registers.step(instructions[later], always=False)
        instruction = instructions[number]
        if isinstance(instruction, Call):
            yield number, instruction, registers
        always = number >= passed and not first <= number < last
        registers.step(instruction, always=always)
        passed = max([passed, *(number + offset for offset in _jumps(instruction))])


def _jumps(instruction: Instruction) -> tuple[int, ...]:
    match instruction:
        case Goto(offset) | If(_, offset):
            return (offset,)
    return ()


class Registers:
    """What registers may hold, step by step."""

    def __init__(self, num_args: int, doubtful: Collection[int]) -> None:
        self._num_args = num_args
        self._held: dict[int, Held] = dict.fromkeys(doubtful, _DOUBTFUL)

    def step(self, instruction: Instruction, *, always: bool) -> None:
        """``instruction`` is run; unless ``always``, perhaps."""
        if isinstance(instruction, Call):
            register, given = instruction.destination.index, self._given(instruction)
            self._held[register] = given if always else given | self._of(register)

    def held(self, operand: Operand) -> Held:
        """What ``operand`` may be."""
        match operand:
            case Register(index) if index == VOID_REGISTER:
                return _NONE
            case Register(index) if index != VM_REGISTER:
                return self._of(index)
        return _UNKNOWN

    def _of(self, register: int) -> Held:
        return self._held.get(register, _UNKNOWN if register < self._num_args else _NONE)

    def _given(self, call: Call) -> Held:
        name, operands = call.callee.name.removeprefix(_PREFIX), call.operands
        if name == call.callee.name or name in _GIVING_ALL:
            return _DOUBTFUL
        match name, operands:
            case "alloc_shape_heap", [_, Immediate(slots)]:
                return frozenset({slots})
            case "copy", [operand]:
                return self.held(operand)
        if name in _GIVING_NO_HEAP:
            return frozenset({_NO_HEAP})
        return _NONE if name in _GIVING_NOTHING else _UNKNOWN


def _problems(call: Call, registers: Registers, constants: Sequence[Constant]) -> Iterator[str]:
    if not call.callee.name.startswith(_PREFIX):
        return
    name, operands = call.callee.name.removeprefix(_PREFIX), call.operands
    if len(operands) < _LEAST.get(name, 0):
        yield f"{len(operands)} operands, of at least {_LEAST[name]}"
        return
    for place in _OBJECTS.get(name, ()):
        if place < len(operands) and registers.held(operands[place]) == _NONE:
            yield f"operand {place} is None"
    place, least = _LEAST_NUMBERS.get(name, (0, 0))
    match operands[place : place + 1]:
        case [Immediate(value)] if name in _LEAST_NUMBERS and value < least:
            yield f"operand {place} is {value}, less than {least}"
    match operands[_SHAPES.get(name, 0) :]:
        case [ConstantReference(index), *_] if name in _SHAPES:
            constant = constants[index]
            if isinstance(constant, ShapeConstant) and min(constant.shape, default=0) < 0:
                yield "a shape with a negative extent"
    match name, operands:
        case "alloc_shape_heap", [_, Immediate(slots)] if not 0 <= slots < _MOST_SLOTS:
            yield f"a heap of {slots} slots"
        case ("match_shape", [_, _, size, *_]) | ("make_shape", [_, size, *_]):
            behind = 2 * size.value if isinstance(size, Immediate) else -1
            if not 0 <= behind <= len(operands) - _LEAST[name]:
                yield f"{size} dimensions in {len(operands)} operands"
                return
    heap = _heap(name, operands)
    if heap is not None:
        yield from _heap_problems(heap, registers)


def _heap(name: str, operands: Sequence[Operand]) -> _Heap | None:
    match name, operands:
        case "match_shape", [_, heap, Immediate(size), *rest]:
            return _Heap(heap, _pairs(rest, size), _MATCHING_THE_HEAP)
        case "match_prim_value", [_, heap, code, slot, *_]:
            return _Heap(heap, [(code, slot)], _MATCHING_THE_HEAP)
        case "make_shape", [heap, Immediate(size), *rest]:
            return _Heap(heap, _pairs(rest, size), _LOADING_FROM_THE_HEAP)
        case "make_prim_value", [heap, code, slot, *_]:
            return _Heap(heap, [(code, slot)], _LOADING_FROM_THE_HEAP)
    return None


def _pairs(operands: Sequence[Operand], size: int) -> list[tuple[Operand, Operand]]:
    return [*zip(operands[: 2 * size : 2], operands[1 : 2 * size : 2], strict=True)]


def _heap_problems(asked: _Heap, registers: Registers) -> Iterator[str]:
    is_register = isinstance(asked.heap, Register) and asked.heap.index < VOID_REGISTER
    held = registers.held(asked.heap) if is_register else _NONE
    slots = max((each for each in held if isinstance(each, int)), default=None)
    if held >= _UNKNOWN:
        slots = _MOST_SLOTS
    for code, slot in asked.pairs:
        if not isinstance(code, Immediate) or not isinstance(slot, Immediate):
            yield "its symbolic dimensions do not stand in the instruction"
        elif code.value in asked.touching:
            if slots is None:
                yield "symbolic dimensions without a shape heap"
            elif not 0 <= slot.value < slots:
                yield f"slot {slot.value} of a shape heap of {slots}"
