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
from support.both_machines import CPU, X, Y, calls, load, plain, returns_its_arguments, same, tensor
from support.relax_zoo import zoo
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof import VirtualMachine, VmprofError


@pytest.fixture(params=["bytecode", "compiled"], scope="module")
def executable(request: pytest.FixtureRequest) -> tvm.runtime.Executable:
    return zoo(request.param)


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
    def call(vm: Any) -> Any:
        return vm[name](*arguments)

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
    vm = VirtualMachine(executable, CPU)
    assert isinstance(vm["bind_last"], tvm_ffi.Function)
    with pytest.raises(AttributeError, match=r"no function 'nobody'; there are: apply, bind_last"):
        vm["nobody"]
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
    vm = VirtualMachine(executable, CPU)
    vm["bind_last"](X, Y)
    gone = weakref.ref(vm.module)
    del vm
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
    ours, theirs = (vm(zoo("bytecode"), CPU) for vm in (VirtualMachine, TvmVirtualMachine))
    for made, used in ((ours, theirs), (theirs, ours)):
        result = used["apply"](made["escape"](Y), X)
        assert result.numpy().tolist() == (X - Y).tolist()


# ---- saved functions and stateful calls ----------------------------------------------


def test_saved_functions_bind_the_last_arguments(executable: Any) -> None:
    def saved(*arguments: Any, calls: tuple[Any, ...] = (), **options: Any) -> Any:
        def use(vm: Any) -> Any:
            vm.save_function("bind_last", "saved", *arguments, **options)
            return vm["saved"](*calls)

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
    def hide(vm: Any) -> Any:
        vm.save_function("escape", "odd", X)
        return vm.invoke_closure(vm["odd"](), Y)

    same(executable, hide)

    def stack(vm: Any) -> Any:
        vm.save_function("bind_last", "one", Y)
        vm.save_function("one", "two", X)
        return vm["two"]()

    assert same(executable, stack) == plain(tensor(X - Y))
    assert isinstance(same(executable, lambda vm: vm.save_function("nobody", "s")), ValueError)


def test_outputs_of_stateful_calls_nest(executable: Any) -> None:
    def use(vm: Any) -> Any:
        vm.set_input("nested_tuple", X, [X[:2], tvm_ffi.convert(tvm_ffi.Shape([1]))])
        vm.invoke_stateful("nested_tuple")
        return vm.get_outputs("nested_tuple")

    same(executable, use)

    def values(vm: Any) -> Any:
        vm.set_input("bind_last", y=Y, x=X, unused=1)
        vm.invoke_stateful("bind_last")
        return vm.get_outputs("bind_last")

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
        def use(vm: Any) -> Any:
            vm.save_function("nested_tuple", "saved")
            module = vm.module
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
    def use(vm: Any) -> Any:
        vm.set_input("main", value, "text", [value, (X, "s")])
        vm.invoke_stateful("main")
        return vm.get_outputs("main")

    assert not isinstance(same(returns_its_arguments(3), use), Exception)


def test_time_evaluator(executable: Any) -> None:
    vm = VirtualMachine(executable, CPU)
    vm.save_function("bind_last", "saved", X, Y)
    vm.set_input("bind_last", X, Y)
    for name, arguments in (
        ("bind_last", (X, Y)),
        ("saved", ()),
        ("invoke_stateful", ("bind_last",)),
    ):
        result = vm.time_evaluator(name, CPU, number=2, repeat=3)(*map(as_argument, arguments))
        assert len(result.results) == 3
        assert min(result.results) > 0
    assert isinstance(
        same(executable, lambda vm: vm.time_evaluator("nobody", CPU)), tvm.error.InternalError
    )
    assert not [name for name in tvm_ffi.registry.list_global_func_names() if "timed" in name]


def test_time_evaluator_calls_as_often_as_it_says() -> None:
    called: list[None] = []
    tvm_ffi.register_global_func("vmprof.test.called", lambda: called.append(None), override=True)
    vm = VirtualMachine(load(calls("vmprof.test.called", 0)), CPU)
    vm.time_evaluator("main", CPU, number=2, repeat=3)()
    assert len(called) == 1 + 2 * 3


def as_argument(value: Any) -> Any:
    return tensor(value) if isinstance(value, np.ndarray) else value
