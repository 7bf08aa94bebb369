"""What would end TVM's builtins is refused when the executable is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from vmprof.program import BytecodeError, read_bytecode
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    Constant,
    ConstantReference,
    DataTypeConstant,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Instruction,
    Operand,
    Register,
    Ret,
    ShapeConstant,
)
from vmprof.program.doubts import doubtful_operands
from vmprof.program.writer import write_bytecode

X, Y, Z = (Register(index) for index in range(3))  # X is the parameter
VM, VOID = Register(VM_REGISTER), Register(VOID_REGISTER)
CONSTANTS: tuple[Constant, ...] = (ShapeConstant((-4,)), DataTypeConstant((2, 32, 1)), "context")
SHAPE, FLOAT32, CONTEXT = (ConstantReference(index) for index in range(3))
I = [Immediate(number) for number in range(5)]  # noqa: E741
MINUS = Immediate(-2)


class Code:
    """A function of one parameter, of instructions that name what they call."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self.names: list[str] = []

    def call(self, name: str, *operands: Operand, to: Register = VOID) -> Code:
        if name not in self.names:
            self.names.append(name)
        callee = FunctionReference(1 + self.names.index(name), f"vm.builtin.{name}")
        self.code.append(Call(to, callee, operands))
        return self

    def step(self, instruction: Instruction) -> Code:
        self.code.append(instruction)
        return self

    def read(self) -> Bytecode:
        code = (*self.code, Ret(VOID))
        packed = [
            Function(FunctionKind.PACKED, f"vm.builtin.{n}", 0, 0, 0, 0, ()) for n in self.names
        ]
        main = Function(FunctionKind.VM, "main", 0, len(code), 1, 3, ())
        return read_bytecode(write_bytecode(Bytecode((main, *packed), code, CONSTANTS, {})))

    def doubtful(self) -> Mapping[int, Sequence[int]]:
        return doubtful_operands(self.read())


def code() -> Code:
    return Code()


@pytest.mark.parametrize(
    ("name", "right", "wrong", "problem"),
    [
        ("alloc_shape_heap", [VM, I[4]], [VOID, I[4]], "operand 0 is None"),
        ("alloc_shape_heap", [VM, I[4]], [VM, MINUS], "a heap of -2 slots"),
        ("shape_of", [X], [Y], "operand 0 is None"),
        ("read_if_cond", [X], [VOID], "operand 0 is None"),
        ("check_tensor_info", [X, I[1], CONTEXT], [X, I[1]], "2 operands, of at least 3"),
        ("alloc_storage", [VM, X, I[0]], [VM, X, MINUS], "operand 2 is -2, less than -1"),
        ("alloc_storage", [VM, X, I[0]], [VM, SHAPE, I[0]], "a shape with a negative extent"),
        ("alloc_tensor", [X, I[0], X, FLOAT32], [X, MINUS, X, FLOAT32], "operand 1 is -2"),
        ("alloc_tensor", [X, I[0], X, FLOAT32], [X, I[0], X], "3 operands, of at least 4"),
        ("alloc_tensor", [X, I[0], X, FLOAT32], [X, I[0], SHAPE, FLOAT32], "a negative extent"),
        ("to_device", [X, I[1], I[0]], [X, MINUS, I[0]], "operand 1 is -2, less than 0"),
        ("make_closure", [X], [], "0 operands, of at least 1"),
        ("call_tir_dyn", [X, X], [Y, X], "operand 0 is None"),
        ("invoke_closure", [VM, X], [VOID, X], "operand 0 is None"),
        ("make_shape", [X, I[1], I[0], I[3]], [X, I[2], I[0], I[3]], "i2 dimensions in 4 operands"),
        ("make_shape", [X, I[0]], [X, MINUS], "i-2 dimensions in 2 operands"),
        ("match_shape", [X, X, I[0], CONTEXT], [X, X, X, CONTEXT], "%0 dimensions in 4 operands"),
        ("make_prim_value", [X, I[1], I[0]], [X, I[1], X], "do not stand in the instruction"),
    ],
)
def test_operands(
    name: str, right: Sequence[Operand], wrong: Sequence[Operand], problem: str
) -> None:
    code().call(name, *right).read()
    with pytest.raises(BytecodeError) as raised:
        code().call(name, *wrong).read()
    assert f"instruction 0 calls vm.builtin.{name}: " in str(raised.value)
    assert problem in str(raised.value)


@pytest.mark.parametrize("slot", [0, 3, 4, -1, 1 << 40])
def test_slots_of_a_heap(slot: int) -> None:
    made = code().call("alloc_shape_heap", VM, I[4], to=Y)
    made.call("match_prim_value", I[2], Y, I[1], Immediate(slot), CONTEXT)
    if 0 <= slot < 4:
        made.read()
        return
    with pytest.raises(BytecodeError, match=rf"slot {slot} of a shape heap of 4"):
        made.read()


def test_what_registers_hold_is_followed() -> None:
    code().call("copy", X, to=Y).call("shape_of", Y).read()
    copied = code().call("copy", Y, to=Z).call("shape_of", Z)
    cleared = code().call("copy", X, to=Y).call("null_value", to=Y).call("shape_of", Y)
    nothing = code().call("match_shape", X, X, I[0], CONTEXT, to=X).call("shape_of", X)
    for each in (copied, cleared, nothing):
        with pytest.raises(BytecodeError, match="operand 0 is None"):
            each.read()


def test_ways_that_meet() -> None:
    """Either way may have been taken; what neither does is not done."""
    either = code().step(If(X, 3)).call("copy", X, to=Y).step(Goto(1)).call("shape_of", Y)
    either.read()
    neither = code().step(If(X, 3)).call("copy", X, to=Z).step(Goto(1)).call("shape_of", Y)
    with pytest.raises(BytecodeError, match=r"instruction 3 .* operand 0 is None"):
        neither.read()
    behind = code().step(If(X, 3)).call("copy", X, to=Y).step(Goto(1))
    behind.call("null_value", to=Y).call("shape_of", Y)
    with pytest.raises(BytecodeError, match=r"instruction 4 .* operand 0 is None"):
        behind.read()


def test_ways_that_lead_back() -> None:
    """What is put there later may have been put there before."""
    again = code().step(Goto(1)).step(If(X, 4)).call("copy", Y).call("copy", X, to=Y)
    again.step(Goto(-3)).read()
    later = code().step(If(X, 4)).call("shape_of", Y).call("copy", X, to=Y).step(Goto(-3))
    later.read()
    first = code().call("shape_of", Y).step(If(X, 3)).call("copy", X, to=Y).step(Goto(-2))
    with pytest.raises(BytecodeError, match=r"instruction 0 .* operand 0 is None"):
        first.read()


def test_what_only_a_run_shows() -> None:
    either = code().step(If(X, 3)).call("copy", X, to=Y).step(Goto(1)).call("shape_of", Y)
    assert either.doubtful() == {3: [0]}
    either.call("copy", X, to=Y).call("shape_of", Y)
    assert either.doubtful() == {3: [0]}
    assert code().call("copy", X, to=Y).call("shape_of", Y).doubtful() == {}
    heap = code().step(If(X, 3)).call("alloc_shape_heap", VM, I[4], to=Y).step(Goto(1))
    loads = heap.call("make_shape", Y, I[2], I[1], I[0], I[0], I[3])
    # Which of its dimensions are in the heap decides.
    loads.call("make_shape", Y, I[1], I[0], I[3])
    assert loads.doubtful() == {3: [0]}


def test_what_others_give_may_be_nothing() -> None:
    """Packed functions, closures and fields of tuples; and what is no heap is none."""
    for name in ("invoke_closure", "tuple_getitem", "call_tir_dyn"):
        given = code().call(name, X, X, to=Y).call("shape_of", Y)
        assert given.doubtful() == {1: [0]}
    tuples = code().call("make_tuple", X, to=Y).call("make_shape", Y, I[1], I[1], I[0])
    with pytest.raises(BytecodeError, match="symbolic dimensions without a shape heap"):
        tuples.read()


def test_parameters_are_followed_from_call_to_call() -> None:
    """Into functions that are called with nothing, and those that anybody may call."""
    f, g = FunctionReference(1, "f"), FunctionReference(2, "g")
    shape_of = FunctionReference(3, "vm.builtin.shape_of")
    bodies: list[list[Instruction]] = [
        [Call(VOID, f, (X, Y)), Ret(VOID)],
        [Call(VOID, shape_of, (X,)), Call(VOID, g, (Y,)), Ret(VOID)],
        [Call(VOID, shape_of, (X,)), Ret(VOID)],
    ]
    packed = Function(FunctionKind.PACKED, shape_of.name, 0, 0, 0, 0, ())

    def found() -> Mapping[int, Sequence[int]]:
        functions, code = [], []
        for name, arity, body in zip(("main", "f", "g"), (1, 2, 1), bodies, strict=True):
            begin, end = len(code), len(code) + len(body)
            functions.append(Function(FunctionKind.VM, name, begin, end, arity, 3, ()))
            code += body
        bytecode = Bytecode((*functions, packed), tuple(code), CONSTANTS, {})
        return doubtful_operands(read_bytecode(write_bytecode(bytecode)))

    assert found() == {5: [0]}
    bodies[0].insert(0, Call(Y, FunctionReference(3, "vm.builtin.shape_of"), (X,)))
    assert found() == {}
    bodies[0].insert(0, Call(Z, FunctionReference(3, "vm.builtin.shape_of"), (g,)))
    assert found() == {7: [0]}
