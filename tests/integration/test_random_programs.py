"""Random programs on vmprof's machine and on TVM's own VM: the same results, the same errors."""

from __future__ import annotations

from typing import Any

import pytest
import tvm
import tvm_ffi
from support import random_bytecode, random_relax
from tvm import relax
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine
from vmprof.program.writer import write_bytecode
from vmprof.record.sessions.session import Session
from vmprof.recording.saved import dumps, loads
from vmprof.recording.text import render

PER_MODULE = 100
# To compile a program takes a hundred times as long as to draw it.
COMPILED_PER_MODULE = 10
load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--random-programs")
    if "bytecode_seed" in metafunc.fixturenames:
        metafunc.parametrize("bytecode_seed", range(-(-count // PER_MODULE)))
    if "relax_seed" in metafunc.fixturenames:
        metafunc.parametrize("relax_seed", range(-(-count // 500)))


def test_programs_in_bytecode(bytecode_seed: int) -> None:
    generator = random_bytecode.Generator(bytecode_seed, PER_MODULE)
    module = load(write_bytecode(generator.bytecode))
    program = Program.of_module(module, f"seed {bytecode_seed}")
    assert program.bytecode == generator.bytecode
    compare(program, generator.programs)


@pytest.mark.parametrize("exec_mode", ["bytecode", "compiled"])
def test_programs_in_relax(relax_seed: int, exec_mode: str) -> None:
    generator = random_relax.Generator(relax_seed, COMPILED_PER_MODULE)
    executable = relax.build(generator.module, "llvm", exec_mode=exec_mode)
    program = Program.of_module(executable.jit(), f"{exec_mode}, seed {relax_seed}")
    compare(program, generator.programs)


@pytest.mark.parametrize("engine", ["tvm", "vmprof"])
@pytest.mark.parametrize("seed", range(3))
def test_programs_in_a_session_do_what_they_do_without(seed: int, engine: str) -> None:
    generator = random_bytecode.Generator(1000 + seed, PER_MODULE)
    module = load(write_bytecode(generator.bytecode))
    bare = TvmVirtualMachine(module, tvm.cpu())
    with Session("none", engine=engine, max_records=64) as session:
        attached = session.attach(TvmVirtualMachine(module, tvm.cpu()))
        for each in generator.programs:
            expected = outcome(bare, each.name, each.arguments)
            # Timed, and twice not recorded, or the other way round.
            for _ in range(3):
                assert outcome(attached, each.name, each.arguments) == expected, each.name
    recording = session.recording()
    assert recording.problems == ()
    totals = recording.totals
    assert totals["invocations"].sum() >= 3 * len(generator.programs)
    assert loads(dumps(recording), "run.vmprof").problems == ()
    assert str(render(recording))


def compare(program: Program, programs: list[random_bytecode.RandomProgram]) -> None:
    ours = VirtualMachine(program, tvm.cpu())
    theirs = TvmVirtualMachine(program.module, tvm.cpu())
    results = 0
    for each in programs:
        our, their = (outcome(machine, each.name, each.arguments) for machine in (ours, theirs))
        assert our == their, f"{each.name} of {program.name}"
        results += our[0] == "result"
    # Programs that fail are drawn on purpose, but most do something.
    assert results > len(programs) / 2


def outcome(machine: Any, name: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    """What a call did, as something that compares."""
    try:
        return "result", comparable(machine[name](*arguments), machine)
    except Exception as error:  # noqa: BLE001
        if "argument" in str(error):  # of a wrong number; each machine has its own words
            return "error", isinstance(error, tvm.error.InternalError)
        return "error", (type(error), str(error))


def comparable(value: Any, machine: Any) -> Any:
    if isinstance(value, tvm.runtime.Tensor):
        array = value.numpy()
        return str(array.dtype), array.shape, array.tobytes()
    if isinstance(value, tvm_ffi.Array):
        return [comparable(field, machine) for field in value]
    if isinstance(value, tvm_ffi.Shape):
        return "shape", tuple(value)
    if value is None or isinstance(value, int | str):
        return type(value), value
    # A closure, perhaps with all its arguments: it is what it does.
    assert "relax.vm.Closure" in repr(value)
    try:
        return "closure", comparable(machine.invoke_closure(value), machine)
    except tvm.error.InternalError:
        return "closure", "wants arguments"
