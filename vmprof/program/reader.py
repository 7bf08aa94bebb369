"""Bytes of a ``relax.VMExecutable`` -> :class:`~vmprof.program.bytecode.Bytecode`.

The bytes may be truncated, foreign or hostile: every length is compared with
what is left before anything is made of it, and everything that an instruction
names must exist. What passes can be decoded and printed without surprises.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

from vmprof.errors import VmprofError
from vmprof.program.builtins import check_builtins
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
    TensorConstant,
)

MAGIC = 0xD225DE2F4214151D
MAGIC_WITH_MEMORY_SCOPES = 0xD225DE2F4214151E
VERSION = "0.14"
TENSOR_MAGIC = 0xDD5E40F096B4A13F

# A register file is allocated per call; no compiler comes near this.
MAX_REGISTERS = 1 << 20
# Something is made of each parameter, and a function may claim any number of them.
MAX_PARAMETERS = 1 << 16

# The upper byte of an operand says what it is, the rest is a signed value.
_VALUE_BITS = 56

T = TypeVar("T")


class BytecodeError(VmprofError):
    """The bytes are not an executable that vmprof can read."""


def read_bytecode(data: bytes | memoryview) -> Bytecode:
    """Read a serialized executable.

    Raises :class:`BytecodeError`, and nothing else, for bytes that are no
    well-formed executable of version "0.14".
    """
    stream = _Stream(memoryview(data))
    magic = stream.u64("header")
    if magic not in (MAGIC, MAGIC_WITH_MEMORY_SCOPES):
        raise BytecodeError("not a Relax executable: the bytes do not start with its magic number")
    version = stream.string("version")
    if version != VERSION:
        raise BytecodeError(
            f"executable format {version!r} is unknown; vmprof reads {VERSION!r} (TVM 0.14 to 0.27)"
        )
    functions = stream.items("function table", 52, _read_function)
    scopes = (
        stream.items("memory scopes", 16, lambda s: (s.i64("scope"), s.string("scope")))
        if magic == MAGIC_WITH_MEMORY_SCOPES
        else ()
    )
    constants = stream.items("constant pool", 4, _read_constant)
    offsets = stream.i64s("instruction offsets")
    words = stream.i64s("instructions")
    if stream.left:
        raise BytecodeError(f"{stream.left} bytes follow the end of the executable")
    instructions = _decode(offsets, words, functions, len(constants))
    for function in functions:
        if function.kind is not FunctionKind.PACKED:
            _check_signature(function)
        if function.kind is FunctionKind.VM:
            _check_function(function, instructions, constants)
    return Bytecode(functions, instructions, constants, dict(scopes))


class _Stream:
    """Little-endian reading with a check of every length."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> memoryview:
        if not 0 <= size <= self.left:
            raise BytecodeError(
                f"executable is cut short or corrupt: {what} at byte {self._at} "
                f"takes {size} bytes, {self.left} are left"
            )
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]

    @property
    def position(self) -> int:
        return self._at

    def since(self, position: int) -> memoryview:
        """What was read since then."""
        return self._data[position : self._at]

    def _unpack(self, layout: str, size: int, what: str) -> int:
        value: int = struct.unpack(layout, self.take(size, what))[0]
        return value

    def u64(self, what: str) -> int:
        return self._unpack("<Q", 8, what)

    def i64(self, what: str) -> int:
        return self._unpack("<q", 8, what)

    def i32(self, what: str) -> int:
        return self._unpack("<i", 4, what)

    def f64(self, what: str) -> float:
        value: float = struct.unpack("<d", self.take(8, what))[0]
        return value

    def dtype(self, what: str) -> tuple[int, int, int]:
        code, bits, lanes = struct.unpack("<BBH", self.take(4, what))
        return code, bits, lanes

    def string(self, what: str) -> str:
        size = self.u64(what)
        try:
            return str(self.take(size, what), "utf-8")
        except UnicodeDecodeError as error:
            raise BytecodeError(f"executable is corrupt: {what} is not UTF-8") from error

    def length(self, what: str, item_size: int) -> int:
        """A number of items that take at least ``item_size`` bytes each."""
        count = self.u64(what)
        if count * item_size > self.left:
            raise BytecodeError(
                f"executable is cut short or corrupt: {count} items of the {what} "
                f"do not fit into the {self.left} bytes that are left"
            )
        return count

    def items(self, what: str, item_size: int, read: Callable[[_Stream], T]) -> tuple[T, ...]:
        return tuple(read(self) for _ in range(self.length(what, item_size)))

    def i64s(self, what: str, count: int | None = None) -> tuple[int, ...]:
        count = self.length(what, 8) if count is None else count
        return struct.unpack(f"<{count}q", self.take(8 * count, what))


def _read_function(stream: _Stream) -> Function:
    kind = stream.i32("function kind")
    if kind not in FunctionKind.__members__.values():
        raise BytecodeError(f"executable is corrupt: function kind {kind} does not exist")
    return Function(
        kind=FunctionKind(kind),
        name=stream.string("function name"),
        start=stream.i64("function start"),
        end=stream.i64("function end"),
        num_args=stream.i64("number of parameters"),
        num_registers=stream.i64("number of registers"),
        parameter_names=stream.items("parameter names", 8, lambda s: s.string("parameter name")),
    )


def _read_tensor(stream: _Stream) -> TensorConstant:
    start = stream.position
    if stream.u64("tensor header") != TENSOR_MAGIC:
        raise BytecodeError("executable is corrupt: a tensor constant lacks its magic number")
    stream.take(16, "tensor device")  # 8 bytes reserved, device type and number
    ndim = stream.i32("tensor rank")
    dtype = stream.dtype("tensor dtype")
    shape = stream.i64s("tensor shape", ndim)
    size = stream.i64("tensor size")
    expected = math.prod(shape) * ((dtype[1] + 7) // 8)
    if min(shape, default=0) < 0 or size != expected:
        raise BytecodeError(
            f"executable is corrupt: a tensor constant of shape {list(shape)} has {size} bytes"
        )
    stream.take(size, "tensor data")
    return TensorConstant(dtype, shape, stream.since(start))


# By type index of tvm-ffi (tvm/ffi/c_api.h).
_CONSTANT_READERS: dict[int, Callable[[_Stream], Constant]] = {
    1: lambda stream: stream.i64("int constant"),
    3: lambda stream: stream.f64("float constant"),
    5: lambda stream: DataTypeConstant(stream.dtype("dtype constant")),
    65: lambda stream: stream.string("string constant"),
    69: lambda stream: ShapeConstant(stream.i64s("shape constant")),
    70: _read_tensor,
}


def _read_constant(stream: _Stream) -> Constant:
    kind = stream.i32("constant type")
    read = _CONSTANT_READERS.get(kind)
    if read is None:
        raise BytecodeError(f"executable is corrupt: a constant has the unknown type {kind}")
    return read(stream)


def _decode(
    offsets: Sequence[int],
    words: Sequence[int],
    functions: Sequence[Function],
    num_constants: int,
) -> tuple[Instruction, ...]:
    """Make instructions of words; every table entry that they name exists.

    They follow one another, so that all of them together are no longer than the words.
    """
    end = 0  # of the instruction before

    def function(index: int, where: int) -> FunctionReference:
        if not 0 <= index < len(functions):
            raise BytecodeError(f"instruction {where} names function {index}, which does not exist")
        return FunctionReference(index, functions[index].name)

    def operand(word: int, where: int) -> Operand:
        kind = (word >> _VALUE_BITS) & 0xFF
        value = word & ((1 << _VALUE_BITS) - 1)
        if value >> (_VALUE_BITS - 1):
            value -= 1 << _VALUE_BITS
        match kind:
            case 0:
                return Register(value)
            case 1:
                return Immediate(value)
            case 2:
                if not 0 <= value < num_constants:
                    raise BytecodeError(
                        f"instruction {where} names constant {value}, which does not exist"
                    )
                return ConstantReference(value)
            case 3:
                return function(value, where)
        raise BytecodeError(f"instruction {where} has an operand of the unknown kind {kind}")

    def fields(offset: int, count: int, where: int) -> Sequence[int]:
        nonlocal end
        if not (offset >= 0 and 0 <= count <= len(words) - offset):
            raise BytecodeError(f"instruction {where} lies outside of the code")
        end = offset + count
        return words[offset:end]

    def decode(offset: int, where: int) -> Instruction:
        if offset < end:
            raise BytecodeError(f"instruction {where} begins inside the one before it")
        (opcode,) = fields(offset, 1, where)
        match opcode:
            case 1:
                _, destination, callee, num_args = fields(offset, 4, where)
                return Call(
                    Register(destination),
                    function(callee, where),
                    tuple(operand(word, where) for word in fields(offset + 4, num_args, where)),
                )
            case 2:
                return Ret(Register(fields(offset, 2, where)[1]))
            case 3:
                return Goto(fields(offset, 2, where)[1])
            case 4:
                _, condition, false_offset = fields(offset, 3, where)
                return If(Register(condition), false_offset)
        raise BytecodeError(f"instruction {where} has the unknown opcode {opcode}")

    return tuple(decode(offset, where) for where, offset in enumerate(offsets))


def _corrupt(function: Function, problem: str) -> BytecodeError:
    return BytecodeError(f"function {function.name[:80]!r} is corrupt: {problem}")


def _check_signature(function: Function) -> None:
    """There are no more parameters than registers, nor registers than any function has."""
    if not (
        0 <= function.num_args <= min(function.num_registers, MAX_PARAMETERS)
        and function.num_registers <= MAX_REGISTERS
    ):
        raise _corrupt(
            function, f"{function.num_args} parameters in {function.num_registers} registers"
        )
    names = function.parameter_names
    if names and len(names) != function.num_args:
        raise _corrupt(function, f"{len(names)} names for {function.num_args} parameters")


def _check_function(
    function: Function, instructions: Sequence[Instruction], constants: Sequence[Constant]
) -> None:
    """Registers and jumps of a VM function stay inside it, and it ends with a jump or return.

    What it hands to TVM's builtins is what they take.
    """

    def fail(problem: str) -> BytecodeError:
        return _corrupt(function, problem)

    if not 0 <= function.start < function.end <= len(instructions):
        raise fail(f"instructions {function.start} to {function.end} do not exist")

    def check_register(register: Register, where: int, *special: int) -> None:
        if not (0 <= register.index < function.num_registers or register.index in special):
            raise fail(f"instruction {where} uses register {register}")

    def check_target(offset: int, where: int) -> None:
        if offset == 0 or not function.start <= where + offset < function.end:
            raise fail(f"instruction {where} jumps by {offset}")

    for where in range(function.start, function.end):
        match instructions[where]:
            case Call(destination, _, operands):
                # As TVM does, a write to any special register is dropped.
                check_register(destination, where, VOID_REGISTER, VM_REGISTER)
                for operand in operands:
                    if isinstance(operand, Register):
                        check_register(operand, where, VOID_REGISTER, VM_REGISTER)
            case Ret(result):
                check_register(result, where, VOID_REGISTER, VM_REGISTER)
            case Goto(offset):
                check_target(offset, where)
            case If(condition, false_offset):
                check_register(condition, where)
                check_target(false_offset, where)
                check_target(1, where)
    if isinstance(instructions[function.end - 1], Call):
        raise fail("it does not end with a return")
    check_builtins(function, instructions, constants, fail)
