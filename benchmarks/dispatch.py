"""What vmprof's dispatch loop costs over TVM's own VM, per instruction.

First the mlp as a whole, then straight-line programs of 10, 1,000 and 100,000
instructions whose calls do next to nothing. Both machines run in turn, in this
process; medians of the thread's processor time, which other processes do not
lengthen. Decoding and linking are timed too.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, load_program
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
from vmprof.vm import Interpreter

SECONDS = 3.0  # per comparison
AT_LEAST = 5  # runs of each machine
REGISTERS = 16


def straight_line(length: int) -> Program:
    """A function of ``length`` instructions: copies of its argument, and a return.

    It has a few registers, which hold one value after the other: compiled
    programs end a value after its last use.
    """
    copy = FunctionReference(1, "vm.builtin.copy")
    registers = [Register(number) for number in range(REGISTERS)]
    code = [
        Call(registers[(number + 1) % REGISTERS], copy, (registers[number % REGISTERS],))
        for number in range(length - 1)
    ]
    functions = (
        Function(FunctionKind.VM, "main", 0, length, 1, REGISTERS, ("x",)),
        Function(FunctionKind.PACKED, copy.name, 0, 0, 0, 0, ()),
    )
    load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
    bytecode = Bytecode(functions, (*code, Ret(registers[0])), (), {})
    return Program.of_module(load(write_bytecode(bytecode)), f"{length:,} instructions")


def compare(name: str, program: Program, arguments: list[Any]) -> None:
    """Print both machines' time of one run, and the difference per instruction."""
    began = time.perf_counter()
    again = Program.of_module(program.module, program.name)
    decoded = time.perf_counter()
    machine = Interpreter(again)
    linked = time.perf_counter()
    ours = machine["main"]
    theirs = TvmVirtualMachine(program.module, tvm.cpu())["main"]
    entry = program.entry("main")
    instructions = entry.end - entry.start
    our_ns, their_ns = run_in_turn(ours, theirs, arguments)
    print(
        f"{name:>22}: ours {our_ns / instructions:8.0f} ns per instruction, "
        f"TVM's {their_ns / instructions:8.0f} ns, "
        f"difference {(our_ns - their_ns) / instructions:+6.0f} ns; "
        f"decoding {1e3 * (decoded - began):.1f} ms, linking {1e3 * (linked - decoded):.1f} ms"
    )


def run_in_turn(
    ours: Callable[..., Any], theirs: Callable[..., Any], arguments: list[Any]
) -> tuple[float, float]:
    """Medians of a run of each, in nanoseconds of processor time."""
    samples: tuple[list[int], list[int]] = [], []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or len(samples[0]) < AT_LEAST:
        for run, kept in zip((ours, theirs), samples, strict=True):
            began = time.thread_time_ns()
            run(*arguments)
            kept.append(time.thread_time_ns() - began)
    return median(samples[0]), median(samples[1])


def main() -> None:
    gc.disable()  # as the profiler does while it measures
    mlp = load_program("mlp")
    compare("mlp", mlp, make_inputs(parameters_of(mlp.bytecode, mlp.entry("main"))))
    x = tvm.runtime.tensor(np.ones(4, "float32"))
    for length in (10, 1_000, 100_000):
        program = straight_line(length)
        compare(program.name, program, [x])


if __name__ == "__main__":
    main()
