"""What benchmarks run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from turns import Side

from vmprof import Program, load_program
from vmprof.counters import Pass
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode
from vmprof.record.recorder import Reading, Recorder
from vmprof.zoo.models import ENTRY, MODELS

_REGISTERS = 16


def choice_of_models(
    default: Sequence[str], models: Sequence[str] = tuple(MODELS)
) -> Callable[[argparse.ArgumentParser], object]:
    """Gives a parser the option ``--models``."""

    def add_argument(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--models",
            nargs="+",
            metavar="MODEL",
            default=default,
            choices=models,
            help=f"of {', '.join(models)} (default: {', '.join(default)})",
        )

    return add_argument


def zoo_model(name: str) -> tuple[Program, list[Any]]:
    """A model of the zoo, as vmprof compiles it, and its arguments."""
    program = load_program(name)
    return program, inputs(program)


def inputs(program: Program) -> list[Any]:
    """Arguments of a program's ``main``."""
    return list(make_inputs(parameters_of(program.bytecode, program.entry(ENTRY))))


def in_a_run(
    recorder: Recorder, side: Side, reading: Reading = Reading.TIME, counted: Pass | None = None
) -> Side:
    """``side`` inside a run, so without what starting and stopping the recorder takes."""

    def inside() -> float:
        took: list[float] = []
        recorder.run(lambda: took.append(side()), reading, counted)
        return took[0]

    return inside


def straight_line(length: int) -> tuple[Program, list[Any]]:
    """A function of ``length`` instructions, copies of its argument and a return; arguments.

    It has a few registers, which hold one value after the other: compiled
    programs end a value after its last use.
    """
    copy = FunctionReference(1, "vm.builtin.copy")
    registers = [Register(number) for number in range(_REGISTERS)]
    code = [
        Call(registers[(number + 1) % _REGISTERS], copy, (registers[number % _REGISTERS],))
        for number in range(length - 1)
    ]
    functions = (
        Function(FunctionKind.VM, ENTRY, 0, length, 1, _REGISTERS, ("x",)),
        Function(FunctionKind.PACKED, copy.name, 0, 0, 0, 0, ()),
    )
    load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
    bytecode = Bytecode(functions, (*code, Ret(registers[0])), (), {})
    program = Program.of_module(load(write_bytecode(bytecode)), f"{length:,} instructions")
    return program, [tvm.runtime.tensor(np.ones(4, "float32"))]
