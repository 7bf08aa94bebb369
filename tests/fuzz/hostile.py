"""Runs damaged executables in children, by vmprof and by TVM's VM, and counts how they end.

    python tests/fuzz/hostile.py --programs 2000

The executables are random ones of which a few operands, callees or sizes were changed. A child
that a signal ends took its process down; with SIGALRM it did not end, which no check can tell
beforehand. What came of a thousand programs or more is kept in docs/data/trust.json.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import tvm
import tvm_ffi
from support.random_bytecode import Generator
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    ConstantReference,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Instruction,
    Operand,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode

# Of a child: seconds of its own CPU and of the clock, and memory besides what the parent has.
_CPU, _CLOCK, _MEMORY = 2, 30, 2 << 30
_NUMBERS = (-1, 0, 1, 2, 3, 4, 5, 255, 1 << 20, 1 << 31, 1 << 40, -(1 << 40), (1 << 55) - 1)
_MANY = 1000  # what came of so many is worth to be kept
_BUILTINS = (
    "alloc_shape_heap", "match_shape", "match_prim_value", "make_shape", "make_prim_value",
    "check_tensor_info", "check_shape_info", "check_prim_value_info", "check_tuple_info",
    "check_func_info", "check_string_info", "alloc_storage", "alloc_tensor", "make_closure",
    "invoke_closure", "call_tir_dyn", "shape_of", "copy", "reshape", "null_value", "to_device",
    "read_if_cond", "tuple_getitem", "tuple_reset_item", "make_tuple", "tensor_to_shape",
    "ensure_zero_offset", "call_py_func", "invoke_debug_func",
)  # fmt: skip

load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")


def damaged(bytecode: Bytecode, draw: random.Random) -> Bytecode:
    """``bytecode`` with one to three things changed."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if draw.random() < 0.1:
            bytecode = _with_other_table(bytecode, draw)
        else:
            at = draw.randrange(len(bytecode.instructions))
            code = [*bytecode.instructions]
            code[at] = _changed(code[at], bytecode, draw)
            bytecode = replace(bytecode, instructions=tuple(code))
    return bytecode


def _with_other_table(bytecode: Bytecode, draw: random.Random) -> Bytecode:
    table = [*bytecode.functions]
    at = draw.randrange(len(table))
    function = table[at]
    if function.kind is FunctionKind.PACKED:
        table[at] = replace(function, name=f"vm.builtin.{draw.choice(_BUILTINS)}")
    else:
        field = draw.choice(("num_registers", "num_args", "start", "end"))
        table[at] = replace(function, **{field: getattr(function, field) + draw.choice((-1, 1))})
    # Calls name what they call.
    code = tuple(
        replace(each, callee=FunctionReference(at, table[at].name))
        if isinstance(each, Call) and each.callee.index == at
        else each
        for each in bytecode.instructions
    )
    return replace(bytecode, functions=tuple(table), instructions=code)


def _changed(instruction: Instruction, bytecode: Bytecode, draw: random.Random) -> Instruction:
    match instruction:
        case Call(_, callee, operands):
            changed = [*operands]
            match draw.randrange(7):
                case 0 if changed:
                    del changed[draw.randrange(len(changed))]
                case 1:
                    changed.insert(draw.randint(0, len(changed)), _operand(bytecode, draw))
                case 2:
                    index = draw.randrange(len(bytecode.functions))
                    callee = FunctionReference(index, bytecode.functions[index].name)
                case 3:
                    return replace(instruction, destination=_register(draw))
                case _ if changed:
                    changed[draw.randrange(len(changed))] = _operand(bytecode, draw)
            return replace(instruction, callee=callee, operands=tuple(changed))
        case Ret():
            return Ret(_register(draw))
        case Goto(offset):
            return Goto(offset + draw.choice((-2, -1, 1, 2)))
        case If(condition, offset):
            if draw.random() < 0.5:
                return If(_register(draw), offset)
            return If(condition, offset + draw.choice((-2, -1, 1, 2)))


def _register(draw: random.Random) -> Register:
    return Register(draw.choice((VOID_REGISTER, VM_REGISTER, *range(12))))


def _operand(bytecode: Bytecode, draw: random.Random) -> Operand:
    choices: list[Operand] = [_register(draw), _register(draw), Immediate(draw.choice(_NUMBERS))]
    if bytecode.constants:
        choices.append(ConstantReference(draw.randrange(len(bytecode.constants))))
    index = draw.randrange(len(bytecode.functions))
    choices.append(FunctionReference(index, bytecode.functions[index].name))
    return draw.choice(choices)


def by_vmprof(data: bytes, name: str, arguments: tuple[Any, ...]) -> None:
    program = Program.of_module(load(data), "damaged")
    VirtualMachine(program, tvm.cpu())[name](*arguments)


def by_tvm(data: bytes, name: str, arguments: tuple[Any, ...]) -> None:
    TvmVirtualMachine(load(data), tvm.cpu())[name](*arguments)


def ending(run: Callable[[], None]) -> str:
    """How a child that does this ends: ``result``, ``error``, or the name of a signal."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            with contextlib.suppress(OSError, ValueError):
                _bound()
            run()
        except BaseException:  # noqa: BLE001 # whatever it is, it is no signal
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    code = os.WEXITSTATUS(status)
    return ("result", "error")[code] if code < 2 else f"exit code {code}"


def _bound() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, _CPU)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.alarm(_CLOCK)


# What becomes of an endless loop: no check can tell.
ENDLESS = frozenset({"SIGALRM", "SIGPROF", "SIGXCPU"})


def programs(first: int, count: int) -> Iterator[tuple[int, bytes, str, tuple[Any, ...]]]:
    """Seed, executable, and the call of its function, of each."""
    for seed in range(first, first + count):
        draw = random.Random(seed)
        generator = Generator(seed, 1)
        (program,) = generator.programs
        data = write_bytecode(damaged(generator.bytecode, draw))
        yield seed, data, program.name, program.arguments


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--show", action="store_true", help="those that end by a signal")
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    for seed, data, name, arguments in programs(options.first, options.programs):
        ours = ending(partial(by_vmprof, data, name, arguments))
        theirs = ending(partial(by_tvm, data, name, arguments))
        counts[_class(ours), _class(theirs)] += 1
        if options.show and ours not in ("result", "error"):
            print(seed, ours, theirs, flush=True)
    for (ours, theirs), count in counts.most_common():
        print(f"{count:6} vmprof: {ours}, TVM: {theirs}")
    if options.programs >= _MANY:
        _keep(counts)
    return 0


def _keep(counts: Counter[tuple[str, str]]) -> None:
    """Put what came of it where docs/explanation/trust.md is made of."""
    sys.path.append(str(Path(__file__).parents[2] / "docs/scripts"))
    import trust

    def ended(where: Callable[[str, str], bool]) -> int:
        return sum(count for ends, count in counts.items() if where(*ends))

    both = ended(lambda ours, theirs: _died(ours) and _died(theirs))
    alone = ended(lambda ours, theirs: _died(ours) and not _died(theirs))
    theirs_alone = ended(lambda ours, theirs: _died(theirs) and not _died(ours))
    endless = ended(lambda ours, theirs: ours == "endless")
    trust.keep(
        trust.Entry(
            part="Hostile programs",
            what="executables with a few operands, callees or sizes changed, run in children by "
            "vmprof and by TVM's VM",
            number=counts.total(),
            outcome=f"{both} ended both, {alone} vmprof alone, {theirs_alone} TVM's alone (a "
            f"signal, or leaving); {endless} run endlessly, which no check can tell",
            command="make fuzz-programs",
        )
    )


def _died(end: str) -> bool:
    return end not in ("result", "error", "endless")


def _class(end: str) -> str:
    return "endless" if end in ENDLESS else end


if __name__ == "__main__":
    sys.exit(main())
