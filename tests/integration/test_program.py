"""Programs of real executables: the text is TVM's, the parameters are the source's."""

from __future__ import annotations

from pathlib import Path

import pytest
import tvm
from support.models import (
    Branching,
    EveryParameter,
    FunctionAsValue,
    Nested,
    Recursive,
    compile_relax,
    dynamic,
    program,
)
from tvm import relax
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VmprofError, load_program
from vmprof.inputs import describe
from vmprof.program import parameters_of
from vmprof.program.embedded import embedded_module
from vmprof.program.program import EXECUTABLE_KIND
from vmprof.program.reader import read_bytecode
from vmprof.zoo.models import MODELS

MODULES = {
    "branching": Branching,
    "every-parameter": EveryParameter,
    "function-as-value": FunctionAsValue,
    "nested": Nested,
    "recursive": Recursive,
    "dynamic": dynamic(),
    "mlp": MODELS["mlp"](),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("mode", ["bytecode", "compiled"])
def test_prints_as_tvm_does(name: str, mode: str) -> None:
    executable = relax.build(MODULES[name], "llvm", exec_mode=mode)
    assert str(load_program(executable).bytecode) == executable.as_text()


def test_parameters_of_every_kind() -> None:
    every = program("every-parameter")
    parameters = parameters_of(every.bytecode, every.entry("main"))
    assert {p.name: describe(p.type) for p in parameters} == {
        "x": "float32[n, 784]",
        "y": "int32[n * 2, m]",
        "s": "shape[k, n]",
        "p": "float32 number",
        "t": "(float16[2, n], int8[3])",
        "u": "float32[?, ?]",
        "v": "float32[...]",
        "o": "a value that the function does not check",
        "b": "bool[]",
        "i": "int64 number",
    }


def test_fresh_and_loaded_programs_are_equal(tmp_path: Path) -> None:
    """Also after a VM was made of one: TVM then writes memory scopes."""
    path = tmp_path / "model.so"
    executable = tvm.compile(dynamic(), "llvm")
    executable.export_library(str(path))
    fresh, loaded = load_program(executable), load_program(path)
    assert loaded.name == "model.so"
    assert str(loaded.bytecode) == str(fresh.bytecode)
    # It was read where it lies in the library; written out by TVM it is the same.
    written = Program.of_module(loaded.module, "written").bytecode
    assert (written.functions, written.constants) == (
        loaded.bytecode.functions,
        loaded.bytecode.constants,
    )
    TvmVirtualMachine(loaded.module, tvm.cpu())
    again = Program.of_module(loaded.module, "again")
    assert again.bytecode.constants == fresh.bytecode.constants
    assert str(again.bytecode) == str(fresh.bytecode)


def test_a_module_in_a_library_is_found_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    tvm.compile(dynamic(), "llvm").export_library(str(path))
    loaded = load_program(path)
    found = embedded_module(path, EXECUTABLE_KIND)
    assert found is not None
    assert read_bytecode(found) == loaded.bytecode
    assert embedded_module(path, "another kind") is None
    assert embedded_module(tmp_path / "nothing.so", EXECUTABLE_KIND) is None


def test_models_have_the_same_weights_every_time() -> None:
    tvm.ir.assert_structural_equal(MODELS["mlp"](), MODELS["mlp"]())


@pytest.mark.parametrize("cut", [10, 100, 20_000])
def test_a_library_that_is_cut_short(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "model.so"
    tvm.compile(dynamic(), "llvm").export_library(str(path))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - cut] if cut < 1000 else data[:cut])
    with pytest.raises(VmprofError, match=r"is cut short|no library that TVM can load"):
        load_program(path)


def test_what_is_no_program(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("hello")
    (tmp_path / "folder.so").mkdir()
    for source, message in [
        (str(text), "no library that TVM can load"),
        (str(tmp_path / "folder.so"), "is a folder"),
        (str(tmp_path / "none.so"), "does not exist"),
        ("resnet19", "no model 'resnet19'; there are: mlp, resnet18"),
        (7, "cannot profile a int"),
    ]:
        with pytest.raises(VmprofError, match=message):
            load_program(source)


def test_a_library_without_an_executable(tmp_path: Path) -> None:
    path = tmp_path / "kernels.so"
    compile_relax(Branching).imports[0].export_library(str(path))
    with pytest.raises(VmprofError, match="without a Relax executable"):
        load_program(path)


def test_an_entry_that_is_not_there() -> None:
    with pytest.raises(VmprofError, match="mlp has no function 'predict'; it has: main"):
        load_program("mlp", entry="predict")
    with pytest.raises(VmprofError, match="nested has no function 'add'; it has: double, main"):
        load_program(program("nested"), entry="add")
