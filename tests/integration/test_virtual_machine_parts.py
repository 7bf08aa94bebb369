"""The drop-in against TVM's VM: instruments, devices, what it is made of and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.both_machines import CPU, X, Y, calls, load, plain, same, tensor
from support.relax_zoo import zoo
from tvm import relax
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine, VmprofError
from vmprof.program.bytecode import (
    VOID_REGISTER,
    Bytecode,
    Call,
    Function,
    FunctionKind,
    FunctionReference,
    If,
    Register,
    Ret,
    ShapeConstant,
)
from vmprof.vm import Interpreter


@pytest.fixture(params=["bytecode", "compiled"], scope="module")
def executable(request: pytest.FixtureRequest) -> tvm.runtime.Executable:
    return zoo(request.param)


# ---- instrument ----------------------------------------------------------------------


def test_an_instrument_sees_what_it_sees_in_tvm(executable: Any) -> None:
    seen: list[list[Any]] = []

    def use(vm: Any) -> Any:
        seen.append([])

        def instrument(
            function: Any, name: str, before: bool, result: Any, *arguments: Any
        ) -> None:
            assert isinstance(function, tvm.runtime.Object)
            pointers = [a for a in arguments if "c_void_p" not in repr(type(a))]
            kept = [
                plain(a) for a in [result, *pointers] if isinstance(a, int | str | tvm_ffi.Shape)
            ]
            seen[-1].append((type(function), name, before, kept))

        vm.set_instrument(instrument)
        return [vm["bind_last"](X, Y), vm["odd"](X)][0]

    same(executable, use)
    ours, theirs = seen
    assert ours == theirs


def test_skip_run_skips() -> None:
    def use(vm: Any) -> Any:
        order: list[Any] = []

        def instrument(function: Any, name: str, before: bool, *_: Any) -> Any:
            order.append((name, before))
            skipped = name in ("even", "vm.builtin.match_shape")
            return relax.VMInstrumentReturnKind.SKIP_RUN if skipped else 0

        vm.set_instrument(instrument)
        return vm["odd"](X), str(order)

    result = same(zoo("bytecode"), use)
    assert "('even', True)" in result[1][1][1]
    assert "('even', False)" not in result[1][1][1]


def test_an_instrument_by_name_and_mistakes(executable: Any) -> None:
    tvm_ffi.register_global_func(
        "vmprof.test.instrument", lambda: tvm_ffi.convert(lambda *_: None), override=True
    )
    same(executable, lambda vm: vm.set_instrument("vmprof.test.instrument"))
    assert isinstance(same(executable, lambda vm: vm.set_instrument("nobody")), Exception)
    assert isinstance(same(executable, lambda vm: vm.set_instrument(1)), TypeError)

    def raises(*_: Any) -> None:
        raise KeyError("from the instrument")

    def use(vm: Any) -> Any:
        vm.set_instrument(raises)
        return vm["bind_last"](X, Y)

    if executable is zoo("bytecode"):
        assert isinstance(same(executable, use), KeyError)

    def unset(vm: Any) -> Any:
        vm.set_instrument(raises)
        vm.set_instrument(None)
        return vm["bind_last"](X, Y)

    assert same(executable, unset) == plain(tensor(X - Y))


# ---- what a VM is made of -------------------------------------------------------


@pytest.mark.parametrize("memory", [None, "naive", "pooled", {CPU: 1}, {CPU: 2}, {tvm.cpu(1): 1}])
@pytest.mark.parametrize("device", [CPU, [CPU], [tvm.cpu(1)], [tvm.cpu(2), tvm.cpu(0)]])
def test_devices_and_allocators(executable: Any, device: Any, memory: Any) -> None:
    x = tvm.runtime.tensor(X[:2], device[0] if isinstance(device, list) else device)
    result = same(executable, lambda vm: vm["constants"](x), device, memory_cfg=memory)
    assert not isinstance(result, Exception)


def test_allocators_by_name_for_each_device() -> None:
    vm = VirtualMachine(zoo("bytecode"), CPU, {CPU: "naive"})
    assert vm["bind_last"](X, Y).numpy().tolist() == (X - Y).tolist()
    with pytest.raises(TypeError):
        VirtualMachine(zoo("bytecode"), CPU, {CPU: "other"})


def test_inputs_go_to_the_first_device(executable: Any) -> None:
    def use(vm: Any) -> Any:
        vm.set_input("nested_tuple", X, [X[:2], tvm_ffi.Shape([1])])
        vm.invoke_stateful("nested_tuple")
        return vm.get_outputs("nested_tuple")

    same(executable, use, [tvm.cpu(1)])


def test_the_list_of_devices_stays_as_it_was() -> None:
    devices = [tvm.cpu(1)]
    VirtualMachine(zoo("bytecode"), devices)
    assert devices == [tvm.cpu(1)]


@pytest.mark.parametrize(
    ("module", "device", "memory"),
    [
        (lambda: "text", CPU, None),
        (lambda: None, CPU, None),
        (lambda: zoo("bytecode").mod.imports[0], CPU, None),
        (lambda: zoo("bytecode"), "cpu", None),
        (lambda: zoo("bytecode"), None, None),
        (lambda: zoo("bytecode"), CPU, "other"),
        (lambda: zoo("bytecode"), CPU, 1),
    ],
)
def test_mistakes_when_a_machine_is_made(module: Any, device: Any, memory: Any) -> None:
    for vm in (TvmVirtualMachine, VirtualMachine):
        with pytest.raises((ValueError, TypeError, AttributeError, AssertionError)) as caught:
            vm(module(), device, memory)
        if vm is TvmVirtualMachine:
            expected = caught.type
    assert issubclass(caught.type, expected)


def test_what_a_machine_may_be_made_of() -> None:
    built = zoo("bytecode")
    for source in (built, built.jit(), Program.of_module(built.mod, "zoo")):
        assert VirtualMachine(source, CPU)["bind_last"](X, Y).numpy().tolist() == (X - Y).tolist()


def test_an_executable_behind_rpc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Remote(tvm.runtime.Module):
        kind = "rpc"

    remote = Remote.__new__(Remote)
    with pytest.raises(VmprofError, match=r"remote machine itself: vmprof run"):
        VirtualMachine(remote, CPU)


def test_tvms_class_is_bound_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvm.runtime.vm, "VirtualMachine", VirtualMachine)
    monkeypatch.setattr(relax, "VirtualMachine", VirtualMachine)
    vm = relax.VirtualMachine(zoo("bytecode"), CPU)
    assert vm["bind_last"](X, Y).numpy().tolist() == (X - Y).tolist()


def test_imported_functions_shadow_registered_ones() -> None:
    tvm_ffi.register_global_func("subtract1", lambda *_: "registered", override=True)
    library = zoo("bytecode").mod.imports[0]
    out = tensor(np.zeros(3, "float32"))
    try:
        assert same(load(calls("subtract1", 3)), lambda vm: vm["main"](X, Y, out)) == plain(
            "registered"
        )
        assert same(
            load(calls("subtract1", 3), library), lambda vm: vm["main"](X, Y, out)
        ) == plain(None)
        assert out.numpy().tolist() == (X - Y).tolist()
    finally:
        tvm_ffi.registry.remove_global_func("subtract1")


def test_a_missing_packed_function_is_told_when_the_machine_is_made() -> None:
    missing = load(calls("vmprof.test.nobody", 0))
    for vm in (VirtualMachine, TvmVirtualMachine):
        with pytest.raises(tvm.error.InternalError, match=r"vmprof\.test\.nobody"):
            vm(missing, CPU)


def test_void_and_conditions() -> None:
    void = Register(VOID_REGISTER)
    functions = (Function(FunctionKind.VM, "main", 0, 1, 0, 0, ()),)
    assert same(load(Bytecode(functions, (Ret(void),), (), {})), lambda vm: vm["main"]()) == plain(
        None
    )
    functions = (Function(FunctionKind.VM, "main", 0, 3, 2, 2, ()),)
    code = (If(Register(0), 2), Ret(Register(1)), Ret(Register(0)))
    branch = load(Bytecode(functions, code, (ShapeConstant((1,)),), {}))
    for condition in (True, False, 0, 1, -1, 2, None, 1.5, "text", X):
        same(branch, lambda vm, c=condition: vm["main"](c, "then"))


def test_recursion_goes_as_deep_as_in_tvm() -> None:
    tvm_ffi.register_global_func("vmprof.test.one_less", lambda n: n - 1, override=True)
    functions = (
        Function(FunctionKind.VM, "main", 0, 5, 1, 3, ("n",)),
        Function(FunctionKind.PACKED, "vmprof.test.one_less", 0, 0, 0, 0, ()),
    )
    n, less, result = map(Register, range(3))
    code = (
        If(n, 4),
        Call(less, FunctionReference(1, "vmprof.test.one_less"), (n,)),
        Call(result, FunctionReference(0, "main"), (less,)),
        Ret(result),
        Ret(n),
    )
    recursion = load(Bytecode(functions, code, (), {}))
    assert same(recursion, lambda vm: vm["main"](1500)) == plain(0)
    endless = Interpreter(Program.of_module(recursion, "recursion"))["main"]
    with pytest.raises(RecursionError, match="more than 100,000 calls"):
        endless(-1)
