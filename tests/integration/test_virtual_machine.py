"""The drop-in against TVM's VM: the same calls on both, in both executable modes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.relax_zoo import zoo
from tvm import relax
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import Program, VirtualMachine, VmprofError
from vmprof.machine import Interpreter
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
from vmprof.program.writer import write_bytecode

X = np.array([5, -2, 3.5], "float32")
Y = np.array([1, 2, 3], "float32")
CPU = tvm.cpu()


@pytest.fixture(params=["bytecode", "compiled"], scope="module")
def executable(request: pytest.FixtureRequest) -> tvm.runtime.Executable:
    return zoo(request.param)


def tensor(array: Any) -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.asarray(array))


def plain(value: Any) -> Any:
    """Something that compares: types, shapes and bytes."""
    if isinstance(value, tvm.runtime.Tensor):
        return str(value.device), value.dtype, value.shape, value.numpy().tobytes()
    if isinstance(value, tvm_ffi.Array | tuple):
        return type(value).__name__, [plain(field) for field in value]
    return str if isinstance(value, str) else type(value), value


def same(executable: Any, use: Callable[[Any], Any], device: Any = CPU, **options: Any) -> Any:
    """What ``use`` does with either machine: the same result, or the same class of error."""
    outcomes = []
    for machine in (VirtualMachine, TvmVirtualMachine):
        try:
            outcomes.append(plain(use(machine(executable, device, **options))))
        except Exception as error:  # noqa: BLE001
            outcomes.append(error)
    ours, theirs = outcomes
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
    else:
        assert ours == theirs
    return ours


# ---- calls ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nested_tuple", (X, (X[:2], tvm_ffi.Shape([4])))),
        ("nested_tuple", (X, [X[:2], tvm_ffi.Shape([0])])),
        ("values", (tvm_ffi.Shape([3, 2]), 40)),
        ("described", (tvm_ffi.Shape([3]), -1, "text")),
        ("described", (tvm_ffi.Shape([3]), True, None)),
        ("described", (tvm_ffi.Shape([3]), 1, 2.5)),
        ("described", (tvm_ffi.Shape([3]), 1, tvm_ffi.dtype("float8_e4m3fn"))),
        ("nothing", (X.copy(),)),
        ("even", (1, np.array(True), X)),
        ("even", (3, np.array(False), X)),
        ("odd", (X,)),
        ("bind_last", (X, Y)),
        ("through_python", (X, Y)),
        ("dynamic", (X, tvm_ffi.Shape([2]))),
        ("dynamic", (X[:0], tvm_ffi.Shape([0]))),
        ("constants", (X[:2],)),
        ("printed", (X[:2],)),
    ],
)
def test_calls(executable: Any, name: str, arguments: tuple[Any, ...]) -> None:
    def call(machine: Any) -> Any:
        return machine[name](*arguments)

    assert not isinstance(same(executable, call), Exception)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bind_last", (X, Y[:2])),  # n is 3, and is 2
        ("bind_last", (X, Y.astype("float64"))),
        ("bind_last", (X, Y.reshape(1, 3))),
        ("bind_last", (X,)),
        ("bind_last", (X, Y, X)),
        ("bind_last", (X, 1.5)),
        ("nested_tuple", (X, (X[:2],))),
        ("values", (tvm_ffi.Shape([3, 3]), 1)),
        ("values", (tvm_ffi.Shape([3, 2]), "text")),
        ("even", (1, np.array(1.5, "float32"), X)),
        ("apply", (X, X)),
        ("apply", (7, X)),
    ],
)
def test_errors(executable: Any, name: str, arguments: tuple[Any, ...]) -> None:
    assert isinstance(same(executable, lambda vm: vm[name](*arguments)), Exception)


def test_a_symbolic_mismatch_names_the_parameter(executable: Any) -> None:
    error = same(executable, lambda vm: vm["bind_last"](X, Y[:2]))
    assert "param=y" in str(error)


def test_a_wrong_number_of_arguments_names_the_parameters(executable: Any) -> None:
    error = same(executable, lambda vm: vm["bind_last"](X))
    assert str(error) == "function 'bind_last' takes 2 arguments (x, y), 1 were given"


def test_lookups(executable: Any) -> None:
    machine = VirtualMachine(executable, CPU)
    assert isinstance(machine["bind_last"], tvm_ffi.Function)
    with pytest.raises(AttributeError, match=r"no function 'nobody'; there are: apply, bind_last"):
        machine["nobody"]
    for name in ("nobody", "scale", "vm.builtin.copy"):
        assert isinstance(same(executable, lambda vm, name=name: vm[name]), Exception)
    with pytest.raises(VmprofError, match="'subtract1' is a packed function"):
        VirtualMachine(zoo("bytecode"), CPU)["subtract1"]
    same(executable, lambda vm: vm.module.implements_function("nobody"))
    same(executable, lambda vm: vm.module.implements_function("odd"))
    same(executable, lambda vm: vm.module.odd(X))
    same(executable, lambda vm: len(vm.module.imports))
    same(executable, lambda vm: vm.module.kind)
    same(executable, lambda vm: vm.module[1])
    same(executable, lambda vm: vm.module.get_function("scale", query_imports=False))


def test_a_function_outlives_its_machine(executable: Any) -> None:
    run = VirtualMachine(executable, CPU)["bind_last"]
    gc.collect()
    assert run(X, Y).numpy().tolist() == (X - Y).tolist()


def test_a_machine_is_freed(executable: Any) -> None:
    machine = VirtualMachine(executable, CPU)
    machine["bind_last"](X, Y)
    gone = weakref.ref(machine.module)
    del machine
    gc.collect()
    assert gone() is None


# ---- closures ------------------------------------------------------------------------


def test_closures_escape_and_come_back(executable: Any) -> None:
    same(executable, lambda vm: vm.invoke_closure(vm["escape"](Y), X))
    same(executable, lambda vm: vm["apply"](vm["escape"](Y), X))
    same(executable, lambda vm: vm["apply"](vm["escape"](X), Y))
    same(executable, lambda vm: vm["apply"](lambda x: x, X))
    same(executable, lambda vm: vm.invoke_closure(tvm_ffi.convert(lambda x: x), X))
    for mistake in (X, 1, None, "text"):
        assert isinstance(same(executable, lambda vm, m=mistake: vm.invoke_closure(m)), Exception)
    error = same(executable, lambda vm: vm.invoke_closure(vm["escape"](Y), X, X))
    assert "subtract" in str(error)
    assert "x, y" in str(error)


def test_closures_of_either_machine_run_in_the_other() -> None:
    ours, theirs = (
        machine(zoo("bytecode"), CPU) for machine in (VirtualMachine, TvmVirtualMachine)
    )
    for made, used in ((ours, theirs), (theirs, ours)):
        result = used["apply"](made["escape"](Y), X)
        assert result.numpy().tolist() == (X - Y).tolist()


# ---- saved functions and stateful calls ----------------------------------------------


def test_saved_functions_bind_the_last_arguments(executable: Any) -> None:
    def saved(*arguments: Any, calls: tuple[Any, ...] = (), **options: Any) -> Any:
        def use(machine: Any) -> Any:
            machine.save_function("bind_last", "saved", *arguments, **options)
            return machine["saved"](*calls)

        return same(executable, use)

    assert saved(X, Y) == plain(tensor(X - Y))
    assert saved(Y, calls=(X,)) == plain(tensor(X - Y))
    assert saved(x=Y, y=X) == plain(tensor(Y - X))
    assert saved(X, y=Y) == plain(tensor(X - Y))
    assert saved(X, x=Y) == plain(tensor(Y - X))
    assert saved(X, Y, include_return=False) == plain(None)
    assert isinstance(saved(X, Y, calls=(X,)), tvm.error.InternalError)
    assert isinstance(saved(X, Y, Y, x=X), AssertionError)
    assert isinstance(saved(object(), Y), TypeError)


def test_saved_functions_hide_and_stack(executable: Any) -> None:
    def hide(machine: Any) -> Any:
        machine.save_function("escape", "odd", X)
        return machine.invoke_closure(machine["odd"](), Y)

    same(executable, hide)

    def stack(machine: Any) -> Any:
        machine.save_function("bind_last", "one", Y)
        machine.save_function("one", "two", X)
        return machine["two"]()

    assert same(executable, stack) == plain(tensor(X - Y))
    assert isinstance(same(executable, lambda vm: vm.save_function("nobody", "s")), ValueError)


def test_outputs_of_stateful_calls_nest(executable: Any) -> None:
    def use(machine: Any) -> Any:
        machine.set_input("nested_tuple", X, [X[:2], tvm_ffi.convert(tvm_ffi.Shape([1]))])
        machine.invoke_stateful("nested_tuple")
        return machine.get_outputs("nested_tuple")

    same(executable, use)

    def values(machine: Any) -> Any:
        machine.set_input("bind_last", y=Y, x=X, unused=1)
        machine.invoke_stateful("bind_last")
        return machine.get_outputs("bind_last")

    assert same(executable, values) == plain(tensor(X - Y))


@pytest.mark.parametrize(
    "use",
    [
        lambda vm: vm.invoke_stateful("bind_last"),
        lambda vm: vm.invoke_stateful("nobody"),
        lambda vm: vm.get_outputs("bind_last"),
        lambda vm: vm.set_input("nobody"),
        lambda vm: vm.set_input("bind_last", X),
        lambda vm: vm.set_input("bind_last", X, None),
        lambda vm: (vm.set_input("bind_last", X, Y), vm["bind_last"]()),
        lambda vm: (vm.set_input("bind_last", X, Y), vm.get_outputs("bind_last")),
        lambda vm: vm.module["get_function_param_name"]("bind_last", 2),
        lambda vm: (
            vm.set_input("nested_tuple", X, (X[:2], X)),
            vm.invoke_stateful("nested_tuple"),
        ),
    ],
)
def test_mistakes_of_stateful_calls(executable: Any, use: Callable[[Any], Any]) -> None:
    assert isinstance(same(executable, use), Exception)


def test_lookups_of_outputs(executable: Any) -> None:
    def after(lookup: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def use(machine: Any) -> Any:
            machine.save_function("nested_tuple", "saved")
            module = machine.module
            module["set_input"]("nested_tuple", X, [X[:2], tvm_ffi.Shape([1])])
            module["invoke_stateful"]("nested_tuple")
            return lookup(module)

        return use

    same(executable, after(lambda m: m["get_output_arity"]("nested_tuple")))
    same(executable, after(lambda m: m["get_output_arity"]("nested_tuple", 0, 1)))
    same(executable, after(lambda m: m["get_output_arity"]("nested_tuple", 0, 1, 0)))
    same(executable, after(lambda m: m["get_output"]("nested_tuple", 0, 0)))
    same(executable, after(lambda m: m["get_output"]("nested_tuple", 0)))
    same(executable, after(lambda m: m["get_output"]("nested_tuple", 3)))
    same(executable, after(lambda m: m["get_output"]("nested_tuple", 0, 0, 0)))
    same(executable, after(lambda m: m["get_function_arity"]("nested_tuple")))
    same(executable, after(lambda m: m["get_function_param_name"]("nested_tuple", 1)))


@pytest.mark.parametrize("value", [3, 2.5, True, np.float16(1.5), np.int64(4), np.float64(0.5)])
def test_numbers_become_tensors_when_they_are_set(value: Any) -> None:
    def use(machine: Any) -> Any:
        machine.set_input("main", value, "text", [value, (X, "s")])
        machine.invoke_stateful("main")
        return machine.get_outputs("main")

    assert not isinstance(same(returns_its_arguments(3), use), Exception)


def test_time_evaluator(executable: Any) -> None:
    machine = VirtualMachine(executable, CPU)
    machine.save_function("bind_last", "saved", X, Y)
    machine.set_input("bind_last", X, Y)
    for name, arguments in (
        ("bind_last", (X, Y)),
        ("saved", ()),
        ("invoke_stateful", ("bind_last",)),
    ):
        result = machine.time_evaluator(name, CPU, number=2, repeat=3)(*map(as_argument, arguments))
        assert len(result.results) == 3
        assert min(result.results) > 0
    assert isinstance(
        same(executable, lambda vm: vm.time_evaluator("nobody", CPU)), tvm.error.InternalError
    )
    assert not [name for name in tvm_ffi.registry.list_global_func_names() if "timed" in name]


def test_time_evaluator_calls_as_often_as_it_says() -> None:
    called: list[None] = []
    tvm_ffi.register_global_func("vmprof.test.called", lambda: called.append(None), override=True)
    machine = VirtualMachine(load(calls("vmprof.test.called", 0)), CPU)
    machine.time_evaluator("main", CPU, number=2, repeat=3)()
    assert len(called) == 1 + 2 * 3


def as_argument(value: Any) -> Any:
    return tensor(value) if isinstance(value, np.ndarray) else value


# ---- instrument ----------------------------------------------------------------------


def test_an_instrument_sees_what_it_sees_in_tvm(executable: Any) -> None:
    seen: list[list[Any]] = []

    def use(machine: Any) -> Any:
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

        machine.set_instrument(instrument)
        return [machine["bind_last"](X, Y), machine["odd"](X)][0]

    same(executable, use)
    ours, theirs = seen
    assert ours == theirs


def test_skip_run_skips() -> None:
    def use(machine: Any) -> Any:
        order: list[Any] = []

        def instrument(function: Any, name: str, before: bool, *_: Any) -> Any:
            order.append((name, before))
            skipped = name in ("even", "vm.builtin.match_shape")
            return relax.VMInstrumentReturnKind.SKIP_RUN if skipped else 0

        machine.set_instrument(instrument)
        return machine["odd"](X), str(order)

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

    def use(machine: Any) -> Any:
        machine.set_instrument(raises)
        return machine["bind_last"](X, Y)

    if executable is zoo("bytecode"):
        assert isinstance(same(executable, use), KeyError)

    def unset(machine: Any) -> Any:
        machine.set_instrument(raises)
        machine.set_instrument(None)
        return machine["bind_last"](X, Y)

    assert same(executable, unset) == plain(tensor(X - Y))


# ---- what a machine is made of -------------------------------------------------------


@pytest.mark.parametrize("memory", [None, "naive", "pooled", {CPU: 1}, {CPU: 2}, {tvm.cpu(1): 1}])
@pytest.mark.parametrize("device", [CPU, [CPU], [tvm.cpu(1)], [tvm.cpu(2), tvm.cpu(0)]])
def test_devices_and_allocators(executable: Any, device: Any, memory: Any) -> None:
    x = tvm.runtime.tensor(X[:2], device[0] if isinstance(device, list) else device)
    result = same(executable, lambda vm: vm["constants"](x), device, memory_cfg=memory)
    assert not isinstance(result, Exception)


def test_allocators_by_name_for_each_device() -> None:
    machine = VirtualMachine(zoo("bytecode"), CPU, {CPU: "naive"})
    assert machine["bind_last"](X, Y).numpy().tolist() == (X - Y).tolist()
    with pytest.raises(TypeError):
        VirtualMachine(zoo("bytecode"), CPU, {CPU: "other"})


def test_inputs_go_to_the_first_device(executable: Any) -> None:
    def use(machine: Any) -> Any:
        machine.set_input("nested_tuple", X, [X[:2], tvm_ffi.Shape([1])])
        machine.invoke_stateful("nested_tuple")
        return machine.get_outputs("nested_tuple")

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
    for machine in (TvmVirtualMachine, VirtualMachine):
        with pytest.raises((ValueError, TypeError, AttributeError, AssertionError)) as caught:
            machine(module(), device, memory)
        if machine is TvmVirtualMachine:
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
    machine = relax.VirtualMachine(zoo("bytecode"), CPU)
    assert machine["bind_last"](X, Y).numpy().tolist() == (X - Y).tolist()


def load(bytecode: Bytecode, *imports: tvm.runtime.Module) -> tvm.runtime.Module:
    load_bytes = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
    module = load_bytes(write_bytecode(bytecode))
    for each in imports:
        module.import_module(each)
    return module


def calls(name: str, num_args: int) -> Bytecode:
    """``main`` hands its arguments to the packed function ``name``."""
    operands = tuple(Register(i) for i in range(num_args))
    result = Register(num_args)
    functions = (
        Function(FunctionKind.VM, "main", 0, 2, num_args, num_args + 1, ()),
        Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ()),
    )
    code = (Call(result, FunctionReference(1, name), operands), Ret(result))
    return Bytecode(functions, code, (), {})


def returns_its_arguments(num_args: int) -> tvm.runtime.Module:
    return load(calls("vm.builtin.make_tuple", num_args))


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
    for machine in (VirtualMachine, TvmVirtualMachine):
        with pytest.raises(tvm.error.InternalError, match=r"vmprof\.test\.nobody"):
            machine(missing, CPU)


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
