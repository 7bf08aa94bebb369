"""Machine code has lines of TensorIR, and is the same as without."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tvm
from elftools.elf.elffile import ELFFile
from support.machine_code import place_of
from tvm import relax
from tvm.script import tirx as T

import vmprof
from vmprof import VmprofWarning
from vmprof.inside.code import Function, MachineCode
from vmprof.inside.instructions import instructions
from vmprof.inside.library import read_code
from vmprof.inside.loops import find_loops
from vmprof.inside.mix import Mix
from vmprof.program.tensor_ir import FIRST_LINE, read_tensor_ir, tensor_ir_path
from vmprof.zoo.compiler import compile as compiling
from vmprof.zoo.models import MODELS


@T.prim_func(s_tir=True, check_well_formed=False)
def _every_statement(
    x: T.Buffer((64, 32), "float32"), n: T.Buffer((1,), "int32"), y: T.Buffer((64, 32), "float32")
) -> None:
    T.func_attr({"tirx.noalias": True})
    for i in T.parallel(64):
        for j in T.vectorized(32):
            y[i, j] = x[i, j] + T.float32(1)
    k: T.int32 = n[0]
    while T.bool(y[0, 0] < T.float32(10)):
        y[0, 0] = y[0, 0] + T.float32(2)
    if k > 3:
        for m in range(64):
            y[m, 0] = T.exp(y[m, 1])
    else:
        y[0, 1] = T.float32(0)
    for i in T.parallel(64):
        total = T.alloc_buffer((1,), "float32", scope="local")
        total[0] = T.float32(0)
        for j in range(32):
            total[0] = total[0] + y[i, j]
        y[i, 0] = total[0]


def statements() -> tvm.IRModule:
    """``main(x, n)`` calls a kernel with statements of all kinds, two parallel loops among them."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((64, 32), "float32"))
    n = relax.Var("n", relax.TensorType((1,), "int32"))
    with builder.function("main", [x, n]):
        function = _every_statement.with_attr("global_symbol", "statements")
        kernel = builder.add_func(function, "statements")
        out = relax.TensorType((64, 32), "float32")
        builder.emit_func_output(builder.emit(relax.call_tir(kernel, (x, n), out_ty=out)))
    return builder.get()


@contextmanager
def without_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As TVM compiles by itself."""

    @contextmanager
    def nothing_attached() -> Iterator[Any]:
        yield SimpleNamespace(pipeline="default", text="", problem="")

    with monkeypatch.context() as patched:
        patched.setattr(compiling, "lines_attached", nothing_attached)
        patched.setattr(compiling, "name_bodies", lambda _: "")
        yield


def sections(library: Path) -> dict[str, bytes]:
    """What is loaded of a library, but for what names it."""
    elf = ELFFile(io.BytesIO(library.read_bytes()))
    return {name: elf.get_section_by_name(name).data() for name in (".text", ".rodata", ".data")}


@pytest.mark.parametrize("exec_mode", ["bytecode", "compiled"])
@pytest.mark.parametrize("make", [statements, MODELS["mlp"]], ids=["statements", "mlp"])
def test_machine_code_is_the_same_as_without_lines(
    make: Any, exec_mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = "cpu" if make is MODELS["mlp"] else "none"
    with_lines, without = tmp_path / "with.so", tmp_path / "without.so"
    vmprof.compile(make(), schedule=schedule, exec_mode=exec_mode).export_library(with_lines)
    with without_lines(monkeypatch):
        vmprof.compile(make(), schedule=schedule, exec_mode=exec_mode).export_library(without)
    mine, its = sections(with_lines), sections(without)
    assert mine[".text"] == its[".text"]
    assert mine == its
    assert len(mine[".text"]) > 2000
    assert tensor_ir_path(with_lines).is_file()
    assert not tensor_ir_path(without).exists()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "statements.so"
    vmprof.compile(statements()).export_library(path)
    return path


def code_of(library: Path, *names: str) -> MachineCode:
    return read_code(
        str(library), [place_of(library, name) for name in names], read_tensor_ir(library)
    )


def test_every_statement_has_code_of_its_line(library: Path) -> None:
    bodies = [f"statements_compute_parallel_{number}" for number in (1, 2)]
    code = code_of(library, "statements_compute_", *bodies)
    lines = {line for function in code.functions for _, line in function.lines}
    found = {code.text[line].strip() for line in lines if line}
    for begin in (
        "y_1[0] = y_1[0] + T.float32(2.0)",
        "y_1[1] = T.float32(0.0)",
        "total[0] = total",
    ):
        assert any(text.startswith(begin) for text in found), (begin, found)
    for kind in ("for ", "while ", "if "):
        assert any(text.startswith(kind) for text in found), (kind, found)
    first, second = (code_of(library, name) for name in bodies)
    texts = [
        {part.text[line].strip().split(" ")[0] for _, line in part.functions[0].lines if line}
        for part in (first, second)
    ]
    # Each body has lines of its own loop alone.
    assert any(text.startswith("y_1[") for text in texts[0])
    assert not any(text.startswith("total") for text in texts[0])
    assert any(text.startswith("total") for text in texts[1])


def test_lines_are_those_of_the_file(library: Path) -> None:
    code = code_of(library, "statements_compute_")
    printed = tensor_ir_path(library).read_text().splitlines()
    assert all(printed[number - 1] == text for number, text in code.text.items())
    assert code.text[FIRST_LINE] == "# statements"
    # TVM's own words for it, not ours.
    assert "for i in T.parallel(64):" in printed
    assert not any("line-of" in line for line in printed)


def test_a_library_of_tvm_has_code_without_lines(tmp_path: Path) -> None:
    path = tmp_path / "plain.so"
    tvm.compile(statements(), tvm.target.Target("llvm")).export_library(str(path))
    code = code_of(path, "statements_compute_")
    assert code.functions[0].content
    assert (code.functions[0].lines, code.text) == ((), {})


def test_another_librarys_text_is_not_taken(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    vmprof.compile(MODELS["mlp"]()).export_library(other)
    tensor_ir_path(other).write_bytes(tensor_ir_path(library).read_bytes())
    assert read_tensor_ir(library)
    assert read_tensor_ir(other) == ""


def test_what_is_compiled_runs_as_before(library: Path) -> None:
    """Also in memory, where LLVM has read the module once more."""
    x, n = np.ones((64, 32), "float32"), np.array([4], "int32")
    expected = x + 1
    while expected[0, 0] < 10:
        expected[0, 0] += 2
    expected[:, 0] = np.exp(expected[:, 1])
    expected[:, 0] = expected.sum(axis=1)
    for source in (library, vmprof.compile(statements())):
        vm = vmprof.VirtualMachine(vmprof.load_program(source), tvm.cpu())
        given = (tvm.runtime.tensor(x), tvm.runtime.tensor(n))
        np.testing.assert_allclose(vm["main"](*given).numpy(), expected, rtol=1e-5)


def test_compilation_leaves_no_pipeline_behind() -> None:
    from tvm.tirx import compilation_pipeline

    before = dict(compilation_pipeline.PIPELINE_MAP)
    vmprof.compile(statements())
    assert before == compilation_pipeline.PIPELINE_MAP


def test_a_kernel_that_cannot_have_lines_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("TVM has changed")

    monkeypatch.setattr("vmprof.zoo.compiler.lines._statements", broken)
    with pytest.warns(VmprofWarning, match="has no lines: TVM has changed; it runs"):
        vmprof.compile(statements()).jit()


def test_names_that_llvm_does_not_take_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmprof.zoo.compiler.parallel_bodies._Module.named", lambda _: "define")
    with pytest.warns(VmprofWarning, match="some of the machine code has no lines: "):
        vmprof.compile(statements()).jit()


def test_code_for_arm_has_names_too_and_is_read(tmp_path: Path) -> None:
    """The body of the loop over vectors, as LLVM compiles it for NEON."""
    target = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+neon"]}
    written = tmp_path / "arm.o"
    vmprof.compile(statements(), target).mod.imports[0].write_to_file(str(written))
    elf = ELFFile(io.BytesIO(written.read_bytes()))
    (symbol,) = elf.get_section_by_name(".symtab").get_symbol_by_name(
        "statements_compute_parallel_1"
    )
    begin = symbol["st_value"]
    content = elf.get_section_by_name(".text").data()[begin : begin + symbol["st_size"]]
    function = Function(symbol.name, begin, content)
    read = instructions(MachineCode("arm.o", "", "aarch64", (function,)), function)
    assert not any(each.text.startswith(".byte") for each in read)
    (loop,) = find_loops(read)
    mix = Mix.of(each for each in read if each.address in loop.addresses)
    # 32 numbers of 32 bits, added in registers of 128.
    assert sum(each.text.startswith("fadd v") for each in read) == 8
    assert mix.widths["128"] >= 8
    assert mix.loads >= 4
    assert mix.stores >= 4
