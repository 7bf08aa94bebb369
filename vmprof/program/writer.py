"""Bytecode -> bytes, as TVM loads them: the inverse of :mod:`vmprof.program.reader`."""

from __future__ import annotations

import struct

from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Constant,
    ConstantReference,
    DataTypeConstant,
    Function,
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
from vmprof.program.reader import MAGIC, MAGIC_WITH_MEMORY_SCOPES, VERSION


def write_bytecode(bytecode: Bytecode) -> bytes:
    """What ``ffi.Module.load_from_bytes.relax.VMExecutable`` takes."""
    return b"".join(bytecode_parts(bytecode))


def bytecode_parts(bytecode: Bytecode) -> list[bytes | memoryview]:
    """The same in pieces: tensors, which may be large, are not copied."""
    code: list[int] = []
    offsets: list[int] = []
    for instruction in bytecode.instructions:
        offsets.append(len(code))
        code += _words(instruction)
    scopes = b""
    if bytecode.memory_scopes:
        entries = [
            struct.pack("<q", index) + _text(scope)
            for index, scope in bytecode.memory_scopes.items()
        ]
        scopes = _list(entries)
    return [
        struct.pack("<Q", MAGIC_WITH_MEMORY_SCOPES if scopes else MAGIC),
        _text(VERSION),
        _list([_function(function) for function in bytecode.functions]),
        scopes,
        struct.pack("<Q", len(bytecode.constants)),
        *(part for constant in bytecode.constants for part in _constant(constant)),
        _numbers(offsets),
        _numbers(code),
    ]


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _list(entries: list[bytes]) -> bytes:
    return struct.pack("<Q", len(entries)) + b"".join(entries)


def _numbers(values: list[int]) -> bytes:
    return struct.pack(f"<Q{len(values)}q", len(values), *values)


def _function(function: Function) -> bytes:
    return b"".join(
        [
            struct.pack("<i", function.kind),
            _text(function.name),
            struct.pack(
                "<4q", function.start, function.end, function.num_args, function.num_registers
            ),
            _list([_text(name) for name in function.parameter_names]),
        ]
    )


def _constant(constant: Constant) -> tuple[bytes | memoryview, ...]:
    match constant:
        case TensorConstant(serialized=serialized):
            return struct.pack("<i", 70), serialized
        case ShapeConstant(shape):
            return (struct.pack("<i", 69) + _numbers(list(shape)),)
        case DataTypeConstant(dtype):
            return (struct.pack("<iBBH", 5, *dtype),)
        case str():
            return (struct.pack("<i", 65) + _text(constant),)
        case int():
            return (struct.pack("<iq", 1, constant),)
        case float():
            return (struct.pack("<id", 3, constant),)


def _words(instruction: Instruction) -> list[int]:
    match instruction:
        case Call(destination, callee, operands):
            words = [_word(operand) for operand in operands]
            return [1, destination.index, callee.index, len(words), *words]
        case Ret(result):
            return [2, result.index]
        case Goto(offset):
            return [3, offset]
        case If(condition, false_offset):
            return [4, condition.index, false_offset]


def _word(operand: Operand) -> int:
    match operand:
        case Register(index):
            kind, value = 0, index
        case Immediate(number):
            kind, value = 1, number
        case ConstantReference(index):
            kind, value = 2, index
        case FunctionReference(index):
            kind, value = 3, index
    word = kind << 56 | value & ((1 << 56) - 1)
    return word - (1 << 64) if word >> 63 else word
