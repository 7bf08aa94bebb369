"""Print the bytecode of a model: parameters, instructions, constants.

MODEL is as for vmprof run. The instructions are printed as TVM's
Executable.as_text() does.

Examples:
  vmprof show-code mlp
  vmprof show-code model.so

"""

from __future__ import annotations

import argparse

import tvm_ffi

from vmprof.inputs import describe
from vmprof.program import parameters_of
from vmprof.program.bytecode import (
    Bytecode,
    Constant,
    DataTypeConstant,
    FunctionKind,
    ShapeConstant,
    TensorConstant,
)
from vmprof.sources import load_program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="a model's name, or a file: model.so, .onnx, .pt2"
    )


def execute(options: argparse.Namespace) -> None:
    bytecode = load_program(options.model, entry=None).bytecode
    print(_signatures(bytecode))
    print(bytecode, end="")
    for number, constant in enumerate(bytecode.constants):
        scope = bytecode.memory_scopes.get(number)
        print(f"c[{number}]: {_describe(constant)}" + (f" in {scope}" if scope else ""))


def _signatures(bytecode: Bytecode) -> str:
    lines = []
    for function in bytecode.functions:
        if function.kind is not FunctionKind.PACKED:
            parameters = parameters_of(bytecode, function)
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
