"""What only a run shows to be None is seen in it, before it would end the process."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.models import Branching, compile_relax

import vmprof
from vmprof import Program, VirtualMachine, VmprofError
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Register,
    Ret,
)
from vmprof.program.writer import write_bytecode

NAMES = ("read_if_cond", "copy", "call_tir_dyn", "shape_of")
PROBLEM = "a builtin of TVM's is given None, which would end the process"
X = np.zeros((2, 3), "float32")


def program(*, last: str = "shape_of") -> Program:
    """``main(c, x)`` gives the shape of ``x``, of which there is a copy only if ``c`` is true."""
    c, x, there, y = map(Register, range(4))
    code = (
        _call("read_if_cond", c, to=there),
        If(there, 3),
        _call("copy", x, to=y),
        Goto(1),
        _call(last, y, *[x] * (last == "call_tir_dyn"), to=y),
        Ret(y),
    )
    main = Function(FunctionKind.VM, "main", 0, len(code), 2, 4, ("c", "x"))
    packed = [Function(FunctionKind.PACKED, f"vm.builtin.{n}", 0, 0, 0, 0, ()) for n in NAMES]
    load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
    return Program.of_module(load(write_bytecode(Bytecode((main, *packed), code, (), {}))), "model")


def _call(name: str, *operands: Register, to: Register) -> Call:
    return Call(to, FunctionReference(1 + NAMES.index(name), f"vm.builtin.{name}"), operands)


def test_the_virtual_machine() -> None:
    model = program()
    assert model.doubtful == {4: [0]}
    main = VirtualMachine(model, tvm.cpu())["main"]
    assert [*main(tvm.runtime.tensor(np.array(True)), X)] == [2, 3]
    with pytest.raises(VmprofError, match=PROBLEM):
        main(tvm.runtime.tensor(np.array(False)), X)


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_both_engines(engine: str) -> None:
    report = vmprof.profile(program(), c=np.array(True), x=X, repeats=1, engine=engine)
    assert {call["Name"] for call in report.calls} >= {"vm.builtin.copy", "vm.builtin.shape_of"}
    for last in ("shape_of", "call_tir_dyn"):  # the second of which has no row
        with pytest.raises(VmprofError, match=PROBLEM) as raised:
            vmprof.profile(program(last=last), c=np.array(False), x=X, repeats=1, engine=engine)
        notes = "; ".join(raised.value.__notes__)
        assert f"vm.builtin.{last}" in notes or engine == "tvm"


def test_compiled_branches_run_on() -> None:
    """Either way gives the value: there is nothing to be seen in such a run."""
    model = Program.of_module(compile_relax(Branching), "branching")
    main = VirtualMachine(model, tvm.cpu())["main"]
    for condition, result in ((True, 6.0), (False, 9.0)):
        x = np.full(4, 3, "float32")
        given = main(tvm.runtime.tensor(np.array(condition)), x)
        assert given.numpy().tolist() == [result] * 4
