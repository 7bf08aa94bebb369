"""Random programs on vmprof's machine and on TVM's own VM: the same results, the same errors."""

from __future__ import annotations

from typing import Any

import pytest
import tvm
import tvm_ffi
from support.random_bytecode import Generator
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine
from vmprof.program.writer import write_bytecode

PER_MODULE = 100
load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--random-programs")
    metafunc.parametrize("seed", range(-(-count // PER_MODULE)))


def test_both_machines_agree(seed: int) -> None:
    generator = Generator(seed, PER_MODULE)
    program = Program.of_module(load(write_bytecode(generator.bytecode)), f"seed {seed}")
    assert program.bytecode == generator.bytecode
    ours = VirtualMachine(program, tvm.cpu())
    theirs = TvmVirtualMachine(program.module, tvm.cpu())
    outcomes = [
        (outcome(ours, each.name, each.arguments), outcome(theirs, each.name, each.arguments))
        for each in generator.programs
    ]
    for each, (our, their) in zip(generator.programs, outcomes, strict=True):
        assert our == their, f"Generator({seed}, {PER_MODULE}), {each.name}"
    # Programs that fail are drawn on purpose, but most do something.
    assert sum(kind == "result" for (kind, _), _ in outcomes) > PER_MODULE / 2


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
