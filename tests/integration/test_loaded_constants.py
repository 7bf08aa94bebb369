"""Constants of a library that vmprof loads are those that TVM has loaded, and no copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.constants import tensor_constant
from tvm.script import ir as I
from tvm.script import relax as R

import vmprof
from vmprof import Program, load_program
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Instruction,
    Register,
    Ret,
)
from vmprof.vm import Interpreter
from vmprof.vm.executable import Executable, load, packed
from vmprof.vm.loaded import loaded_tensors, tensors_of
from vmprof.vm.places import Place

CPU = tvm.cpu(0)
FOUR = np.array([1, 2, 3, 4], "float32")
LOOK = "vmprof.test.look"


def reading(code: Sequence[Instruction], tensors: int, *more: Function) -> Program:
    """A program whose ``main``, with one argument, is ``code``; its callee is f[1], :data:`LOOK`.

    Its constants are a number and so many tensors, of one element, two, and so on.
    """
    table = (Function(FunctionKind.VM, "main", 0, len(code), 1, 2, ()), packed(LOOK), *more)
    constants = (7, *(tensor_constant((2, 32, 1), (1 + i,)) for i in range(tensors)))
    bytecode = Bytecode(table, tuple(code), constants, {})
    return Program.of_module(load(bytecode), "written by hand", exclusive=True)


def look(*constants: int) -> Call:
    callee = FunctionReference(1, LOOK)
    return Call(Register(1), callee, (Register(0), *map(ConstantReference, constants)))


@pytest.fixture(autouse=True)
def seen() -> list[int]:
    """Addresses of the tensors that :data:`LOOK` was called with."""
    addresses: list[int] = []

    def note(_: Any, *operands: Any) -> None:
        addresses.extend(
            np.from_dlpack(each).ctypes.data for each in operands if not isinstance(each, int)
        )

    tvm_ffi.register_global_func(LOOK, note, override=True)
    return addresses


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ([look(1), look(0, 2, 3), Ret(Register(1))], {1, 2, 3}),
        ([look(1), look(0), look(), Ret(Register(1))], {1}),
        ([look(1, 1), look(1), Ret(Register(1))], {1}),
        ([Goto(2), look(1), look(2), Ret(Register(1))], {2}),
        # What is behind a branch depends on what is not known here.
        ([look(1), If(Register(0), 2), look(2), look(3), Ret(Register(1))], {1}),
        ([If(Register(0), 2), look(2), Ret(Register(1))], set()),
        ([look(1), look(2), Goto(-1), Ret(Register(1))], {1, 2}),
        ([look(0), Ret(Register(1))], set()),
    ],
)
def test_what_a_function_is_certain_to_use_is_found(
    code: Sequence[Instruction], found: set[int], seen: list[int]
) -> None:
    of = reading(code, 3)
    tensors = loaded_tensors(of, CPU)
    assert tensors.keys() == found
    assert all(tensors[place].shape == (place,) for place in found)
    assert not seen  # nothing was run


def test_each_function_is_asked() -> None:
    code = [look(1), Ret(Register(1)), look(2), Ret(Register(1))]
    other = Function(FunctionKind.VM, "other", 2, 4, 2, 3, ())
    table = (Function(FunctionKind.VM, "main", 0, 2, 1, 2, ()), packed(LOOK), other)
    constants = (7, tensor_constant((2, 32, 1), (1,)), tensor_constant((2, 32, 1), (2,)))
    bytecode = Bytecode(table, tuple(code), constants, {})
    of = Program.of_module(load(bytecode), "two", exclusive=True)
    assert loaded_tensors(of, CPU).keys() == {1, 2}


def test_nothing_is_told_of_a_module_that_others_have(capfd: pytest.CaptureFixture[str]) -> None:
    """TVM would tell of memory scopes when they write it out."""
    module = reading([look(1), Ret(Register(1))], 1).module
    of = Program.of_module(module, "shared")
    assert loaded_tensors(of, CPU) == {}
    Executable(of, CPU)
    Program.of_module(module, "again")
    assert capfd.readouterr().err == ""


def test_nothing_is_told_of_a_program_that_cannot_run() -> None:
    missing = packed("vmprof.test.nobody_has_it")
    assert loaded_tensors(reading([look(1), Ret(Register(1))], 1, missing), CPU) == {}


def test_one_copy_of_constants_whoever_runs(seen: list[int]) -> None:
    """Whether they are taken from what was loaded, or written anew because of the branch."""
    for code in (
        [look(1), look(2), Ret(Register(1))],
        [look(1), If(Register(0), 2), look(2), Ret(Register(1))],
    ):
        of = reading(code, 2)
        executable = Executable(of, CPU)
        seen.clear()
        executable.vm()["main"](1)
        executable.vm()["main"](1)
        by_tvm = list(seen)
        seen.clear()
        Interpreter(of, CPU, constants=executable.constants)["main"](1)
        assert by_tvm == seen * 2
        assert len(set(seen)) == 2


@I.ir_module
class Weighted:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        y: R.Tensor((4,), "float32") = R.add(x, R.const([1.0, 2.0, 3.0, 4.0], "float32"))
        return R.multiply(y, R.const([2.0, 2.0, 0.0, 2.0], "float32"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weighted") / "model.so"
    vmprof.compile(Weighted).export_library(path)
    return path


def test_a_library_is_run_with_the_constants_that_were_loaded(library: Path) -> None:
    of = load_program(library)
    executable = Executable(of, CPU, wraps=False)
    tensors = tensors_of(of.bytecode)
    assert len(tensors) == 2
    # Another VM of TVM's own, of the module itself, has the very same.
    again = loaded_tensors(of, CPU)
    addresses = [
        [np.from_dlpack(constants[place]).ctypes.data for place in tensors]
        for constants in (again, executable.constants)
    ]
    assert addresses[0] == addresses[1]
    expected = [4, 8, 0, 16]
    assert executable.vm()["main"](tvm.runtime.tensor(FOUR)).numpy().tolist() == expected
    assert vmprof.VirtualMachine(of, CPU)["main"](FOUR).numpy().tolist() == expected


def test_functions_are_wrapped_where_that_is_wanted(seen: list[int]) -> None:
    """That takes an executable written anew; else the one that TVM has loaded serves."""
    name = "vmprof.test.call"
    tvm_ffi.register_global_func(name, lambda kernel, *operands: kernel(*operands), override=True)
    operands = (FunctionReference(1, LOOK), Register(0), ConstantReference(1))
    call = Call(Register(1), FunctionReference(2, name), operands)
    of = reading([call, Ret(Register(1))], 1, packed(name))
    loaded = np.from_dlpack(loaded_tensors(of, CPU)[1]).ctypes.data
    calls: list[str] = []

    def wrap(place: Place, kernel: Any) -> Any:
        return lambda *operands: (calls.append(place.name), kernel(*operands))[1]

    wrapped = Executable(of, CPU)
    wrapped.vm(wrap)["main"](1)
    assert calls == [name, LOOK]
    Executable(of, CPU, wraps=False).vm()["main"](1)
    assert calls == [name, LOOK]
    assert seen == [np.from_dlpack(wrapped.constants[1]).ctypes.data, loaded]
    assert seen[0] != loaded
