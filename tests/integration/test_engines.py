"""Both engines on the same programs: the same calls, the same results, one copy of constants."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.constants import tensor_constant
from support.kernel import FakeKernel
from support.models import Closures, calls_packed, compile_relax, dynamic, program
from support.random_bytecode import Generator
from tvm import relax

import vmprof
from vmprof import VmprofError
from vmprof.program import Program
from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    ConstantReference,
    DataTypeConstant,
    Function,
    FunctionKind,
    FunctionReference,
    Instruction,
    Register,
    Ret,
)
from vmprof.record.empty_call import empty_call, hooked_calls, wrapped_calls
from vmprof.record.hook import Hook
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop, Engine
from vmprof.record.rounds.wrapped import WrappedVm
from vmprof.report.estimator import middle_mean
from vmprof.runs.run import Run
from vmprof.runs.storages import ALIVE
from vmprof.values import Count, Duration, Metric
from vmprof.vm.executable import Executable, load, packed
from vmprof.vm.tvm_vm import TvmVirtualMachine

CPU = tvm.cpu(0)
FOUR = np.array([1, -2, 3.5, 0], "float32")
# What each program is given.
ARGUMENTS: dict[str, Sequence[Any]] = {
    "branching": [np.array(1, "bool"), FOUR],
    "nested": [FOUR],
    "recursive": [np.array([3], "float32")],
    "dynamic": [np.ones((5, 16), "float32")],
    "function-as-value": [FOUR, tvm.runtime.ShapeTuple([3])],
}


def engine(
    kind: type[Engine], of: Program, arguments: Sequence[Any], executable: Executable | None = None
) -> tuple[Engine, Recorder]:
    recorder = Recorder(0, max_records=1000)
    values = [
        tvm.runtime.tensor(value) if isinstance(value, np.ndarray) else value for value in arguments
    ]
    return kind(executable or Executable(of, CPU), "main", values, recorder), recorder


def calls(engine: Engine, recording: Run) -> list[tuple[str, str, int]]:
    names = [engine.sites[site].callee for site in recording.sites.tolist()]
    return list(zip(names, recording.shapes, recording.parents.tolist(), strict=True))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_both_engines_record_the_same_calls(name: str) -> None:
    found = []
    for kind in (DispatchLoop, WrappedVm):
        running, _ = engine(kind, program(name), ARGUMENTS[name])
        found.append(calls(running, running.record(Reading.TIME, None)))
    assert found[0] == found[1]
    assert found[0]


def test_a_kernel_that_call_tir_dyn_calls_has_the_row() -> None:
    running, _ = engine(WrappedVm, program("function-as-value"), ARGUMENTS["function-as-value"])
    names = [name for name, _, _ in calls(running, running.record(Reading.TIME, None))]
    assert "scale" in names
    assert "vm.builtin.call_tir_dyn" not in names


@pytest.mark.parametrize("kind", [DispatchLoop, WrappedVm])
def test_windows_lie_in_the_run_one_after_the_other(kind: type[Engine]) -> None:
    running, _ = engine(kind, program("nested"), [FOUR])
    recording = running.record(Reading.TIME, None)
    assert recording.durations_ns is not None
    assert recording.total_ns is not None
    assert (recording.durations_ns > 0).all()
    assert recording.durations_ns.sum() < recording.total_ns


def of_bytecode(*functions: tuple[str, list[Instruction]], packed_names: Sequence[str]) -> Program:
    """A program of functions without parameters, two registers each, and what they call."""
    table: list[Function] = []
    code: list[Instruction] = []
    for name, body in functions:
        start = len(code)
        code += body
        table.append(Function(FunctionKind.VM, name, start, len(code), 0, 2, ()))
    table += [packed(name) for name in packed_names]
    return Program.of_module(load(Bytecode(tuple(table), tuple(code), (), {})), "bytecode")


def test_a_call_inside_a_call_is_known_as_such() -> None:
    closures = Program.of_module(compile_relax(Closures), "closures")
    running, _ = engine(WrappedVm, closures, [FOUR])
    recording = running.record(Reading.TIME, None)
    names = [name for name, _, _ in calls(running, recording)]
    invoke = names.index("vm.builtin.invoke_closure")
    inside = [i for i, parent in enumerate(recording.parents.tolist()) if parent >= 0]
    assert names.index("add") in inside
    assert {recording.parents[i] for i in inside} == {invoke}
    assert recording.durations_ns is not None
    assert recording.durations_ns[inside].sum() < recording.durations_ns[invoke]


def test_a_kernel_that_a_builtin_calls_by_itself_has_a_row() -> None:
    """TVM's VM tells nothing of that."""
    name = "vmprof.test.calls_it"
    tvm_ffi.register_global_func(name, lambda kernel: kernel(), override=True)
    calling, empty = FunctionReference(1, name), FunctionReference(2, "vmprof.empty")
    void = Register(VOID_REGISTER)
    of = of_bytecode(
        ("main", [Call(void, calling, (empty,)), Call(void, empty, ()), Ret(void)]),
        packed_names=[name, empty.name],
    )
    outer, inner, last = (name, "", -1), (empty.name, "", 0), (empty.name, "", -1)
    executable, recorder = Executable(of, CPU), Recorder(0, max_records=10)
    for kind in (DispatchLoop, WrappedVm):
        running = kind(executable, "main", [], recorder)
        assert calls(running, running.record(Reading.TIME, None)) == [outer, inner, last]
        collecting = running.collecting(Order())
        collecting.run()
        recording, rows = collecting.result()
        assert calls(running, recording) == [outer, inner, last]
        assert rows == [{"order": Count(i)} for i in range(3)]


def test_a_call_that_raised_inside_one_that_caught_it() -> None:
    """TVM's VM does not call its instrument after a call that raised."""

    def catch(context: Any, closure: Any) -> None:
        with pytest.raises(ValueError, match="in the closure"):
            tvm_ffi.get_global_func("vm.builtin.invoke_closure")(context, closure)

    def fail() -> None:
        raise ValueError("in the closure")

    names = ["vm.builtin.make_closure", "vmprof.test.catch", "vmprof.test.fail", "vmprof.empty"]
    tvm_ffi.register_global_func(names[1], catch, override=True)
    tvm_ffi.register_global_func(names[2], fail, override=True)
    inner, make_closure, catching, failing, empty = (
        FunctionReference(i, name) for i, name in enumerate(["inner", *names], start=1)
    )
    void, closure = Register(VOID_REGISTER), Register(1)
    of = of_bytecode(
        (
            "main",
            [
                Call(closure, make_closure, (inner,)),
                Call(void, catching, (Register(VM_REGISTER), closure)),
                Call(void, empty, ()),
                Ret(void),
            ],
        ),
        ("inner", [Call(void, empty, ()), Call(void, failing, ()), Ret(void)]),
        packed_names=names,
    )
    running, _ = engine(WrappedVm, of, [])
    recording = running.record(Reading.TIME, None)
    assert calls(running, recording) == [
        (names[0], "", -1),
        (names[1], "", -1),
        (names[3], "", 1),
        (names[2], "", 1),
        (names[3], "", -1),
    ]
    assert recording.durations_ns is not None
    assert 0 < recording.durations_ns[3] < recording.durations_ns[1]


def hooked(of: Program, names: Sequence[str], recorder: Recorder) -> TvmVirtualMachine:
    """TVM's VM with the recorder as its instrument, as sessions have it."""
    vm = TvmVirtualMachine(of.module, CPU)
    vm.set_instrument(Hook(recorder.pointer, names).instrument)
    return vm


def test_more_names_than_the_hook_has_room_for() -> None:
    """Names of functions that have no row take room, too; without it they are compared again."""
    count = 100
    empty = FunctionReference(count + 1, "vmprof.empty")
    void = Register(VOID_REGISTER)
    inner = [(f"inner{i}", [Call(void, empty, ()), Ret(void)]) for i in range(count)]
    calls_of_all = [
        Call(Register(0), FunctionReference(i, name), ()) for i, (name, _) in enumerate(inner, 1)
    ]
    of = of_bytecode(
        ("main", [*calls_of_all, *calls_of_all, Ret(void)]), *inner, packed_names=[empty.name]
    )
    recorder = Recorder(0, max_records=1000)
    recorder.run(hooked(of, [empty.name], recorder)["main"], Reading.TIME)
    assert recorder.recording(Reading.TIME).sites.tolist() == 2 * count * [0]


def test_what_is_not_as_tvm_calls_an_instrument_is_refused() -> None:
    recorder = Recorder(0, max_records=10)
    instrument = Hook(recorder.pointer, ["vmprof.empty"]).instrument
    with pytest.raises(TypeError, match="not how TVM"):
        recorder.run(lambda: instrument(1, 2, 3), Reading.TIME)
    instrument(1, 2, 3)  # nothing is recorded: nothing is looked at


def test_an_error_says_that_it_comes_from_tvms_vm() -> None:
    name = "vmprof.test.raises"

    def fail(x: Any, out: Any) -> None:
        raise ValueError("of the kernel")

    tvm_ffi.register_global_func(name, fail, override=True)
    with pytest.raises(ValueError, match="of the kernel") as caught:
        vmprof.profile(compile_relax(calls_packed(name)), [FOUR], engine="tvm", repeats=1)
    assert caught.value.__notes__ == [f"in a recorded run of TVM's own VM, in a call of {name}"]


def test_a_full_buffer_is_told() -> None:
    with pytest.raises(VmprofError, match="than the record buffer holds"):
        vmprof.profile(program("nested"), [FOUR], engine="tvm", max_records=3, repeats=1)


def test_native_code_is_refused() -> None:
    module = relax.build(dynamic(), tvm.target.Target("llvm"), exec_mode="compiled").jit()
    of = Program.of_module(module, "native")
    with pytest.raises(VmprofError, match="'main' of native was compiled with exec_mode"):
        engine(WrappedVm, of, [np.ones((5, 16), "float32")])


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(VmprofError, match="no engine 'relay'; there are: vmprof, tvm"):
        vmprof.profile(program("nested"), [FOUR], engine="relay")


def test_a_callee_gets_data_types_as_without_the_hook() -> None:
    seen: list[Any] = []
    tvm_ffi.register_global_func("vmprof.test.sees", seen.append, override=True)
    code: list[Instruction] = [
        Call(Register(VOID_REGISTER), FunctionReference(1, "vmprof.test.sees"), (operand,))
        for operand in (ConstantReference(0), ConstantReference(1))
    ]
    table = (
        Function(FunctionKind.VM, "main", 0, 3, 0, 1, ()),
        packed("vmprof.test.sees"),
    )
    code.append(Ret(Register(VOID_REGISTER)))
    constants = (DataTypeConstant((2, 32, 1)), "float32")
    of = Program.of_module(load(Bytecode(table, tuple(code), constants, {})), "data-types")
    recorder = Recorder(0, max_records=1000)
    TvmVirtualMachine(of.module, CPU)["main"]()
    recorder.run(hooked(of, ["vmprof.test.sees"], recorder)["main"], Reading.TIME)
    assert [type(each) for each in seen] == [tvm_ffi.dtype, tvm_ffi.core.String] * 2
    assert seen[:2] == seen[2:] == ["float32", "float32"]


def test_engines_share_one_copy_of_the_constants() -> None:
    addresses: set[int] = set()
    name = "vmprof.test.address"
    tvm_ffi.register_global_func(
        name, lambda x: addresses.add(np.from_dlpack(x).ctypes.data), override=True
    )
    code = (
        Call(Register(VOID_REGISTER), FunctionReference(1, name), (ConstantReference(0),)),
        Ret(Register(VOID_REGISTER)),
    )
    table = (Function(FunctionKind.VM, "main", 0, 2, 0, 1, ()), packed(name))
    of = Program.of_module(
        load(Bytecode(table, code, (tensor_constant((2, 32, 1), (8,)),), {})), "constant"
    )
    executable = Executable(of, CPU)
    for kind in (DispatchLoop, WrappedVm):
        running, _ = engine(kind, of, [], executable)
        running.record(Reading.TIME, None)
        running.unprofiled()
    assert len(addresses) == 1


@pytest.mark.parametrize("calls", [wrapped_calls, hooked_calls])
def test_empty_calls_are_measured_by_windows_of_their_kind(
    calls: Callable[[Recorder, int], Callable[[], Any]],
) -> None:
    recorder = Recorder(0, max_records=20)
    found = empty_call(recorder, calls(recorder, 20), [(Reading.TIME, None)])
    recording = recorder.recording(Reading.TIME)
    assert recording.sites.tolist() == [0] * 20
    assert recording.durations_ns is not None
    assert recording.total_ns is not None
    assert 0 < recording.durations_ns.sum() < recording.total_ns
    assert found == {"(us)": Duration(middle_mean(recording.durations_ns.tolist()) / 1e3)}


def test_the_report_says_which_engine() -> None:
    report = vmprof.profile(program("nested"), [FOUR], engine="tvm", repeats=2, counters="none")
    assert report.configuration["Executor"] == "VM"
    assert report.configuration["Engine"] == "tvm"
    assert "Empty call (us)" in report.configuration


def test_counters_are_read_around_each_call(kernel: FakeKernel) -> None:
    report = vmprof.profile(
        program("nested"), [FOUR], engine="tvm", repeats=2, counters="cycles,page-faults"
    )
    # The counter grows by as much from one read() to the next.
    assert {call["perf::CYCLES"] for call in report.calls} == {Count(4_000_000)}
    assert report.configuration["Empty call perf::CYCLES"] == Count(4_000_000)


class Order:
    """Says in which order calls began, and whether they are paired with their ends."""

    scope = "call"

    def __init__(self) -> None:
        self.open: list[int] = []
        self.begun = 0

    def start(self) -> None:
        self.open.append(self.begun)
        self.begun += 1

    def stop(self) -> Mapping[str, Metric]:
        return {"order": Count(self.open.pop())}


def test_collectors_of_calls_stand_around_the_calls() -> None:
    closures = Program.of_module(compile_relax(Closures), "closures")
    report = vmprof.profile(
        closures, [FOUR], engine="tvm", counters="none", collectors=[Order()], repeats=1, warmup=0
    )
    assert [call["order"] for call in report.calls] == [Count(i) for i in range(len(report.calls))]


def test_what_is_wrapped_goes_with_its_vm() -> None:
    running, recorder = engine(WrappedVm, program("nested"), [FOUR])
    gone = weakref.ref(running)
    del running
    gc.collect()
    assert gone() is None
    recorder.run(lambda: None, Reading.TIME)
    assert len(recorder.recording(Reading.TIME).sites) == 0


def test_both_engines_record_the_same_calls_of_random_programs() -> None:
    generator = Generator(seed=0, count=40)
    of = Program.of_module(load(generator.bytecode), "random")
    executable = Executable(of, CPU)
    recorder = Recorder(0, max_records=10_000)
    recorded = 0
    for each in generator.programs:
        found = []
        for kind in (DispatchLoop, WrappedVm):
            running = kind(executable, each.name, each.arguments, recorder)
            try:
                found.append(calls(running, running.record(Reading.TIME, None)))
            except Exception:  # noqa: BLE001 # some are drawn to fail
                found.append([])
        assert found[0] == found[1], each.name
        recorded += bool(found[0])
    assert recorded > len(generator.programs) / 2


@pytest.mark.parametrize("kind", [DispatchLoop, WrappedVm])
def test_storages_of_each_timed_run(kind: type[Engine]) -> None:
    """Two of the nested program die inside; the third is its result."""
    running, recorder = engine(kind, program("nested"), [FOUR])
    for _ in range(2):
        run = running.record(Reading.TIME, None)
        assert run.storages["bytes"].tolist() == [16, 16, 16]
        assert (run.storages["end"] == ALIVE).tolist() == [False, False, True]
        names = [running.sites[site].callee for site in run.sites[run.storages["call"] - 1]]
        assert names == ["vm.builtin.alloc_storage"] * 3
    assert not recorder.missed_storages
