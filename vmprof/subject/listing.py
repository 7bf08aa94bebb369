"""The bytecode of a model, to be read: parameters, instructions, constants."""

from __future__ import annotations

import tvm_ffi

from vmprof.inputs import describe
from vmprof.program import Program
from vmprof.program.bytecode import (
    Constant,
    DataTypeConstant,
    FunctionKind,
    ShapeConstant,
    TensorConstant,
)


def code_listing(program: Program) -> str:
    """A line per function with its parameters, the code as TVM prints it, a line per constant."""
    bytecode = program.bytecode
    lines = [_signatures(program), str(bytecode).removesuffix("\n")]
    for number, constant in enumerate(bytecode.constants):
        scope = bytecode.memory_scopes.get(number)
        lines.append(f"c[{number}]: {_describe(constant)}" + (f" in {scope}" if scope else ""))
    return "".join(f"{line}\n" for line in lines)


def _signatures(program: Program) -> str:
    lines = []
    for function in program.bytecode.functions:
        if function.kind is not FunctionKind.PACKED:
            parameters = program.parameters(function.name)
            listed = ", ".join(f"{p.name}: {describe(p.type)}" for p in parameters)
            lines.append(f"{function.name}({listed})\n")
    return "".join(lines)


def _describe(constant: Constant) -> str:
    match constant:
        case TensorConstant(dtype, shape):
            return f"{tvm_ffi.dtype.from_dlpack_data_type(dtype)}[{', '.join(map(str, shape))}]"
        case ShapeConstant(shape):
            return f"shape[{', '.join(map(str, shape))}]"
        case DataTypeConstant(dtype):
            return str(tvm_ffi.dtype.from_dlpack_data_type(dtype))
    return repr(constant)
