"""The bytecode reader: what the writer wrote is read back; anything else is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.constants import tensor_constant

from vmprof.program import BytecodeError, read_bytecode
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    ConstantReference,
    DataTypeConstant,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Operand,
    Register,
    Ret,
    ShapeConstant,
)
from vmprof.program.reader import MAGIC
from vmprof.program.writer import write_bytecode

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
NAMES = st.text(max_size=12)
DTYPES = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))
CONSTANTS = st.one_of(
    NAMES,
    INT64,
    st.floats(allow_nan=False),
    st.lists(INT64, max_size=4).map(lambda shape: ShapeConstant(tuple(shape))),
    DTYPES.map(DataTypeConstant),
    st.builds(
        tensor_constant,
        st.sampled_from([(2, 32, 1), (0, 8, 1), (6, 1, 1), (2, 64, 1)]),
        st.lists(st.integers(0, 4), max_size=3).map(tuple),
    ),
)


@st.composite
def programs(draw: st.DrawFn) -> Bytecode:
    """Well-formed executables: packed functions, then VM functions one after the other."""
    packed = [
        Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ())
        for name in draw(st.lists(NAMES, min_size=1, max_size=3))
    ]
    constants = tuple(draw(st.lists(CONSTANTS, max_size=4)))
    sizes = draw(st.lists(st.integers(1, 6), max_size=3))
    total = len(packed) + len(sizes)
    names = [f.name for f in packed] + [draw(NAMES) for _ in sizes]
    functions = list(packed)
    instructions: list[Call | Ret | Goto | If] = []
    for i, size in enumerate(sizes):
        num_args = draw(st.integers(0, 2))
        num_registers = num_args + draw(st.integers(1, 3))
        register = st.builds(Register, st.integers(0, num_registers - 1))
        special = st.sampled_from([Register(VOID_REGISTER), Register(VM_REGISTER)])
        function = st.integers(0, total - 1).map(lambda k: FunctionReference(k, names[k]))
        operands: list[st.SearchStrategy[Operand]] = [
            register,
            special,
            function,
            st.integers(-(1 << 55), (1 << 55) - 1).map(Immediate),
        ]
        if constants:
            operands.append(st.integers(0, len(constants) - 1).map(ConstantReference))
        call = st.builds(
            Call,
            register | special,
            function,
            st.lists(st.one_of(operands), max_size=4).map(tuple),
        )
        start = len(instructions)
        for where in range(size):
            targets = [k - where for k in range(size) if k != where]
            choices: list[st.SearchStrategy[Call | Ret | Goto | If]] = [
                st.builds(Ret, register | special)
            ]
            if targets:
                choices.append(st.builds(Goto, st.sampled_from(targets)))
            if where + 1 < size:
                choices += [call, st.builds(If, register, st.sampled_from(targets))]
            instructions.append(draw(st.one_of(choices)))
        parameter_names = [draw(NAMES) for _ in range(num_args)] if draw(st.booleans()) else []
        functions.append(
            Function(
                FunctionKind.VM,
                names[len(packed) + i],
                start,
                start + size,
                num_args,
                num_registers,
                tuple(parameter_names),
            )
        )
    scopes = draw(st.dictionaries(INT64, NAMES, max_size=2))
    return Bytecode(tuple(functions), tuple(instructions), constants, scopes)


def _no_bare_match_shape(program: Bytecode) -> bool:
    return all(f.name != "vm.builtin.match_shape" for f in program.functions)


SMALL = Bytecode(
    (
        Function(FunctionKind.PACKED, "f", 0, 0, 0, 0, ()),
        Function(FunctionKind.VM, "main", 0, 3, 1, 2, ("x",)),
    ),
    (
        Call(Register(1), FunctionReference(0, "f"), (Register(0), ConstantReference(0))),
        If(Register(1), 1),
        Ret(Register(1)),
    ),
    (tensor_constant((2, 32, 1), (2, 2)),),
    {0: "global"},
)


@given(programs().filter(_no_bare_match_shape))
@example(SMALL)
def test_reads_what_was_written(program: Bytecode) -> None:
    assert read_bytecode(write_bytecode(program)) == program


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BytecodeError):
        read_bytecode(data)


def test_every_truncation_is_refused() -> None:
    data = write_bytecode(SMALL)
    for length in range(len(data)):
        with pytest.raises(BytecodeError):
            read_bytecode(data[:length])


def test_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(BytecodeError, match="2 bytes follow"):
        read_bytecode(write_bytecode(SMALL) + b"\0\0")


@given(programs(), st.data())
def test_mutated_bytes_are_refused_or_read(program: Bytecode, data: st.DataObject) -> None:
    """Whatever is changed: an error of ours, or a program that can be printed."""
    raw = bytearray(write_bytecode(program))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
    try:
        read = read_bytecode(bytes(raw))
    except BytecodeError:
        return
    str(read)


@given(programs(), st.integers(0, 1000), INT64)
def test_a_length_out_of_all_proportion_is_refused_at_once(
    program: Bytecode, position: int, value: int
) -> None:
    """A number of any size in place of any other neither hangs nor takes memory."""
    raw = bytearray(write_bytecode(program))
    position %= len(raw) - 7
    raw[position : position + 8] = struct.pack("<q", value)
    try:
        read_bytecode(bytes(raw))
    except BytecodeError:
        return


def test_instructions_that_lie_inside_one_another_are_refused() -> None:
    """They would be decoded again and again: a small file could fill the memory."""
    count = 2000
    call = [1, VOID_REGISTER, 0, count, *[1 << 56] * count]  # of so many immediates
    head = write_bytecode(_with(instructions=(Ret(Register(0)),), constants=()))
    # Behind the table of functions and no constants: offsets and words, of one instruction.
    head = head[: -8 * (2 + 1 + 2)]
    offsets = struct.pack(f"<Q{count}q", count, *[0] * count)
    words = struct.pack(f"<Q{len(call)}q", len(call), *call)
    with pytest.raises(BytecodeError, match="instruction 1 begins inside the one before it"):
        read_bytecode(head + offsets + words)


def _with(**changes: object) -> Bytecode:
    """SMALL with another ``main`` function or code."""
    fields = {
        "functions": SMALL.functions,
        "instructions": SMALL.instructions,
        "constants": SMALL.constants,
        "memory_scopes": SMALL.memory_scopes,
    }
    return Bytecode(**{**fields, **changes})  # type: ignore[arg-type]


def _main(start: int = 0, end: int = 3, num_args: int = 1, num_registers: int = 2) -> Bytecode:
    main = Function(FunctionKind.VM, "main", start, end, num_args, num_registers, ())
    return _with(functions=(SMALL.functions[0], main))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_main(end=4), "instructions 0 to 4 do not exist"),
        (_main(start=-1), "do not exist"),
        (_main(start=3), "do not exist"),
        (_main(end=1), "does not end with a return"),
        (_main(num_args=3), "3 parameters in 2 registers"),
        (_main(num_registers=1 << 40), "registers"),
        (_with(constants=()), "names constant 0, which does not exist"),
        (_with(instructions=(*SMALL.instructions[:2], Ret(Register(2)))), "uses register %2"),
        (_with(instructions=(*SMALL.instructions[:2], Goto(1))), "jumps by 1"),
        (_with(instructions=(*SMALL.instructions[:2], Goto(0))), "jumps by 0"),
        (
            _with(
                instructions=(
                    Call(Register(1), FunctionReference(7, "g"), ()),
                    *SMALL.instructions[1:],
                )
            ),
            "names function 7, which does not exist",
        ),
    ],
)
def test_what_an_instruction_names_must_exist(program: Bytecode, message: str) -> None:
    with pytest.raises(BytecodeError, match=message):
        read_bytecode(write_bytecode(program))


NO_HEAP = (Register(VOID_REGISTER), Immediate(0), ConstantReference(0))
VALUE, ONE, ZERO = Register(0), Immediate(1), Immediate(0)


@pytest.mark.parametrize("heap", NO_HEAP)
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("match_shape", [VALUE], [ONE, ONE, ZERO, ConstantReference(0)]),
        ("match_shape", [VALUE], [ONE, Immediate(3), ZERO, ConstantReference(0)]),
        ("match_prim_value", [VALUE], [ONE, ZERO, ConstantReference(0)]),
        ("match_prim_value", [VALUE], [Immediate(3), ZERO, ConstantReference(0)]),
        ("make_shape", [], [ONE, ONE, ZERO]),
        ("make_shape", [], [Immediate(2), ZERO, ZERO, ONE, ZERO]),
        ("make_prim_value", [], [ONE, ZERO]),
    ],
)
def test_symbolic_dimensions_without_a_heap_are_refused(
    name: str, before: list[Operand], heap: Operand, after: list[Operand]
) -> None:
    """TVM's builtin would read or write at a null pointer and take the process down."""
    builtin = FunctionReference(0, f"vm.builtin.{name}")
    functions = (
        Function(FunctionKind.PACKED, builtin.name, 0, 0, 0, 0, ()),
        Function(FunctionKind.VM, "main", 0, 2, 2, 3, ()),
    )

    def read(operands: list[Operand]) -> Bytecode:
        code = (Call(Register(2), builtin, tuple(operands)), Ret(Register(2)))
        return read_bytecode(write_bytecode(Bytecode(functions, code, ("context",), {})))

    with pytest.raises(BytecodeError, match="without a shape heap"):
        read([*before, heap, *after])
    read([*before, Register(1), *after])


def test_another_version_is_named() -> None:
    data = struct.pack("<QQ", MAGIC, 4) + b"0.15"
    with pytest.raises(BytecodeError, match=r"'0.15' is unknown; vmprof reads '0.14'"):
        read_bytecode(data)


def test_prints_as_tvm_does() -> None:
    assert str(SMALL) == (
        "@f packed_func;\n\n"
        "@main:\n"
        "  call  f                in: %0, c[0]     dst: %1\n"
        "  If    %1, 1\n"
        "  ret   %1\n\n"
    )
