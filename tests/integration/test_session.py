"""Sessions: what they record of real VMs, and that programs go on as they would without."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support import llama as small_llama
from support.models import Branching, Closures, FunctionAsValue, Nested, calls_packed, dynamic
from support.parallel import burning, with_pool

import vmprof
from vmprof.machine import VirtualMachine as OwnVm
from vmprof.record.recording import TIMED, UNRECORDED, Recording
from vmprof.record.report import reports
from vmprof.record.session import Session
from vmprof.report.model import Count, Ratio

TvmVm = tvm.relax.VirtualMachine
X = np.arange(4, dtype="float32")


def tensor(value: Any = X) -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.asarray(value))


@cache
def compiled(name: str) -> tvm.runtime.Executable:
    modules: dict[str, Callable[[], tvm.IRModule]] = {
        "nested": lambda: Nested,
        "branching": lambda: Branching,
        "closures": lambda: Closures,
        "function-as-value": lambda: FunctionAsValue,
        "dynamic": dynamic,
        "inner": lambda: calls_packed("test.session.inner"),
        "outer": lambda: calls_packed("test.session.outer"),
    }
    return tvm.compile(modules[name](), tvm.target.Target("llvm"))


def make(name: str) -> Any:
    return TvmVm(compiled(name), tvm.cpu())


def callees(recording: Recording, invocation: int) -> list[str]:
    """Names of the calls in one timed invocation, by its number."""
    rows = recording.calls[recording.calls["invocation"] == invocation]
    assert rows["callee"][0] == -1
    return [recording.callees[callee] for callee in rows["callee"][1:]]


def functions(recording: Recording) -> Counter[str]:
    """How often each function was invoked."""
    counts: Counter[str] = Counter()
    for row in recording.totals:
        counts[recording.functions[row["function"]].name] += int(row["invocations"])
    return counts


@pytest.fixture(params=["tvm", "vmprof"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def registered() -> Iterator[Callable[[str, Callable[..., Any]], None]]:
    names: list[str] = []

    def register(name: str, function: Callable[..., Any]) -> None:
        names.append(name)
        tvm_ffi.register_global_func(name, function, override=True)

    yield register
    for name in names:
        tvm_ffi.registry.remove_global_func(name)


# ---- what is recorded ---------------------------------------------------------------------


def test_records_the_calls_of_each_timed_invocation(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        for _ in range(6):
            result = vm["main"](tensor()).numpy()
            assert (result == 2 * X * 4 * X).all()
    recording = session.recording()
    assert functions(recording) == {"main": 6}
    assert recording.problems == ()
    timed = recording.invocations[recording.invocations["turn"] == TIMED]
    # Of two turns each cycle begins one later.
    assert timed["number"].tolist() == [0, 3, 4]
    for number in timed["id"].tolist():
        assert Counter(callees(recording, number)) == Counter(
            {
                "vm.builtin.check_tensor_info": 3,
                "vm.builtin.match_shape": 3,
                "vm.builtin.alloc_storage": 3,
                "vm.builtin.alloc_tensor": 3,
                "add": 2,
                "multiply": 1,
            }
        )


def test_times_of_calls_lie_inside_their_invocation(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm["main"](tensor())
    calls = session.recording().calls
    whole, inside = calls[0], calls[1:]
    assert (inside["begin_ns"] >= whole["begin_ns"]).all()
    assert (inside["end_ns"] <= whole["end_ns"]).all()
    assert (inside["end_ns"] >= inside["begin_ns"]).all()
    assert (calls["failed"] == 0).all()


def test_kernels_that_are_operands_have_their_names(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("function-as-value"))
        result = vm["main"](tensor(), tvm_ffi.Shape([3]))
    assert (result.numpy() == 3 * X).all()
    names = callees(session.recording(), 0)
    assert names.count("scale") == 1
    assert "vm.builtin.call_tir_dyn" not in names


def test_closures_saved_functions_and_stateful_calls(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm.save_function("main", "saved", tensor())
        for _ in range(3):
            assert (vm["saved"]().numpy() == 8 * X * X).all()
        for step in range(1, 5):
            vm.set_input("main", tensor(X * step))
            vm.invoke_stateful("main")
            # Whichever VM ran it last has the output.
            assert (vm.get_outputs("main").numpy() == 8 * X * X * step * step).all()
        closure = session.attach(make("closures"))["main"](tensor())
        assert (closure.numpy() == 2 * X).all()
    recording = session.recording()
    of_first_vm = [f.name for f in recording.functions if f.vm == 0]
    assert "saved" not in of_first_vm  # it is main, with its arguments bound
    assert functions(recording) == {"main": 3 + 4 + 1}


def test_a_closure_runs_in_either_vm(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        function = tvm_ffi.convert(lambda x: tensor(x.numpy() + 1))
        for _ in range(3):
            assert (vm.invoke_closure(function, tensor()).numpy() == X + 1).all()
    assert functions(session.recording()) == {"(a closure)": 3}


def test_time_evaluator_measures_what_it_would_without(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        result = vm.time_evaluator("main", tvm.cpu(), number=2, repeat=2)(tensor())
        vm.module.time_evaluator("main", tvm.cpu())(tensor())
        vm.set_input("main", tensor())
        vm.invoke_stateful("main")
        vm.set_input("main", tensor(2 * X))
        vm.time_evaluator("invoke_stateful", tvm.cpu())("main")
        assert (vm.get_outputs("main").numpy() == 32 * X * X).all()
    assert len(result.results) == 2
    recording = session.recording()
    assert functions(recording) == {"main": 1}
    assert [note.split(" calls")[0] for note in recording.vms[0].notes] == [
        "time_evaluator('main')",
        "time_evaluator('invoke_stateful')",
    ]


def test_our_vm() -> None:
    with Session("none") as session:
        vm = session.attach(OwnVm(compiled("nested"), tvm.cpu()))
        assert isinstance(vm, OwnVm)
        for _ in range(4):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
        vm.set_input("main", tensor())
        vm.invoke_stateful("main")
        assert (vm.get_outputs("main").numpy() == 8 * X * X).all()
    recording = session.recording()
    assert recording.vms[0].engine == "vmprof"
    assert functions(recording) == {"main": 5}
    assert callees(recording, 0).count("add") == 2


def test_a_library_that_was_exported_and_loaded(engine: str, tmp_path: Path) -> None:
    compiled("function-as-value").export_library(str(tmp_path / "model.so"))
    with Session("none", engine=engine) as session:
        vm = session.attach(TvmVm(tvm.runtime.load_module(str(tmp_path / "model.so")), tvm.cpu()))
        for _ in range(3):
            result = vm["main"](tensor(), tvm_ffi.Shape([3]))
            assert (result.numpy() == 3 * X).all()
    assert callees(session.recording(), 0).count("scale") == 1


def test_a_vm_that_was_made_before_says_what_is_not_seen() -> None:
    before = make("function-as-value")
    plain = make("nested")
    with Session("none") as session:
        vm, other = session.attach(before), session.attach(plain)
        for _ in range(3):
            vm["main"](tensor(), tvm_ffi.Shape([3]))
            other["main"](tensor())
    recording = session.recording()
    assert all("made before the session" in vm.notes[0] for vm in recording.vms)
    assert "vm.builtin.call_tir_dyn" in callees(recording, 0)
    assert callees(recording, 1).count("add") == 2
    # The hook stays, and is silent.
    assert (plain["main"](tensor()).numpy() == 8 * X * X).all()


def test_an_attached_vm_keeps_its_class_and_works_after_the_session() -> None:
    class Mine(TvmVm):  # type: ignore[misc]
        def twice(self, x: Any) -> Any:
            return self["double"](x)

    with Session("none") as session:
        vm = session.attach(Mine(compiled("nested"), tvm.cpu()))
        assert isinstance(vm, Mine)
        assert isinstance(vm.module, tvm.runtime.Module)
        vm.twice(tensor())
    assert (vm.twice(tensor()).numpy() == 2 * X).all()
    for _ in range(3):
        assert (vm["main"](tensor()).numpy() == 8 * X * X).all()  # looked up for the first time
    assert functions(session.recording()) == {"double": 1}
    assert "__init__" in vars(TvmVm)
    assert TvmVm.__init__.__module__ == "tvm.runtime.vm"


def test_a_users_instrument_sees_every_call_and_rows_are_gone(engine: str) -> None:
    seen: list[str] = []

    def instrument(function: Any, name: str, before: bool, *rest: Any) -> int:
        if before:
            seen.append(name)
        return 0

    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm.set_instrument(tvm_ffi.convert(instrument))
        for _ in range(4):
            vm["main"](tensor())
    assert seen.count("multiply") == 4
    recording = session.recording()
    assert functions(recording) == {"main": 4}
    assert (recording.calls["callee"] == -1).all()
    assert "instrument of its own" in recording.vms[0].notes[0]


def test_labels_tell_invocations_apart() -> None:
    with Session("none") as session:
        vm = session.attach(make("nested"))
        vm["main"](tensor())
        with session.label("a"):
            vm["main"](tensor())
            with suppress(KeyError), session.label("b"):
                vm["main"](tensor())
                raise KeyError
            vm["main"](tensor())
        vm["main"](tensor())
    recording = session.recording()
    labels = [recording.labels[label] for label in recording.invocations["label"]]
    assert labels == ["", "a", "b", "a", ""]
    # Each label has turns of its own.
    assert recording.invocations["turn"].tolist() == [0, 0, 0, UNRECORDED, UNRECORDED]
    assert set(reports(recording)) == {"main", "main [a]", "main [b]"}


def test_too_many_labels_are_refused() -> None:
    with Session("none") as session:
        for number in range(63):
            with session.label(str(number)):
                pass
        with (
            pytest.raises(vmprof.VmprofError, match="names a kind of invocation"),
            session.label("one more"),
        ):
            pass


def test_all_vms_are_attached_on_demand() -> None:
    with Session("none", attach_all=True) as session:
        for vm in (make("nested"), OwnVm(compiled("nested"), tvm.cpu())):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
        vmprof.profile(compiled("nested").jit(), counters="none", repeats=1)  # has VMs of its own
    recording = session.recording()
    assert recording.problems == ()
    assert [vm.engine for vm in recording.vms] == ["tvm", "vmprof"]
    assert functions(recording) == {"main": 2}


def test_one_vm_in_two_sessions(engine: str) -> None:
    with Session("none", engine=engine) as first:
        vm = first.attach(make("nested"))
        assert first.attach(vm).module is vm.module
        vm["main"](tensor())
    with Session("none", engine=engine) as second:
        again = second.attach(vm)
        assert (again["main"](tensor()).numpy() == 8 * X * X).all()
        vm["main"](tensor())  # of the first one, which is over
    for session in (first, second):
        assert functions(session.recording()) == {"main": 1}
        assert callees(session.recording(), 0).count("add") == 2


# ---- passes rotate ---------------------------------------------------------------------------


def test_passes_take_turns_over_invocations(engine: str) -> None:
    with Session("task-clock,page-faults", engine=engine) as session:
        vm = session.attach(make("nested"))
        for _ in range(12):
            vm["main"](tensor())
    recording = session.recording()
    turns = recording.invocations["turn"].tolist()
    assert turns == [0, 1, -1, 1, -1, 0, -1, 0, 1, 0, 1, -1]
    (counts,) = recording.counts
    assert (recording.invocations["fault"] == 0).all()
    clock = counts.values[:, recording.passes[0].columns.index("perf::TASK-CLOCK")]
    whole = counts.calls["callee"] == -1
    assert whole.sum() == 4
    assert (clock[whole] > 0).all()
    # What calls counted lies in what their invocation did.
    ids = counts.calls["invocation"]
    for number in ids[whole]:
        inside = (ids == number) & ~whole
        assert inside.sum() == 15
        assert clock[inside].sum() <= clock[(ids == number) & whole][0]


def test_a_function_called_once_says_why_nothing_was_counted() -> None:
    with Session("task-clock") as session:
        session.attach(make("nested"))["main"](tensor())
    (report,) = reports(session.recording()).values()
    assert "counted in 0 of 1 invocations" in report.missing["perf::TASK-CLOCK"]
    assert "--multiplex" in report.missing["perf::TASK-CLOCK"]


def test_multiplexed_counters_carry_their_shares() -> None:
    with Session("{task-clock},{page-faults}", multiplex=True) as session:
        vm = session.attach(make("nested"))
        for _ in range(6):
            vm["main"](tensor())
    recording = session.recording()
    (counts,) = recording.counts
    assert counts.shares is not None
    assert (counts.shares[counts.calls["callee"] == -1] == 1).all()
    (report,) = reports(recording).values()
    assert report.device_metrics["cpu0"]["perf::TASK-CLOCK counted"] == Ratio(1)


def test_a_wrong_counter_is_refused_before_anything_runs() -> None:
    with pytest.raises(vmprof.VmprofError), Session("no-such-event"):
        pass
    with Session("none"):  # and leaves no session behind
        pass


# ---- nesting ---------------------------------------------------------------------------------


def test_an_invocation_inside_another_is_a_call_of_it(engine: str, registered: Any) -> None:
    with Session("none", engine=engine) as session:
        inner = session.attach(make("nested"))

        def run_inner(x: Any, out: Any) -> None:
            out.copyfrom(inner["main"](x).numpy())

        registered("test.session.outer", run_inner)
        vm = session.attach(make("outer"))
        for _ in range(3):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    recording = session.recording()
    of_outer = recording.invocations
    assert {recording.functions[f].vm for f in of_outer["function"]} == {1}
    assert of_outer["turn"].tolist() == [0, -1, -1]
    rows = recording.calls
    names = [recording.callees[callee] if callee >= 0 else "" for callee in rows["callee"]]
    assert names.count("multiply") == 1
    inner_call, multiply = names.index("main"), names.index("multiply")
    assert names[rows["parent"][inner_call]] == "test.session.outer"
    assert rows["parent"][multiply] == inner_call


def test_what_raises_inside_leaves_the_next_invocation_whole(engine: str, registered: Any) -> None:
    fails = [True]

    def kernel(x: Any, out: Any) -> None:
        if fails[0]:
            raise ValueError("told so")
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel)
    with Session("none", engine=engine) as session:
        inner = session.attach(make("inner"))

        def catches(x: Any, out: Any) -> None:
            with suppress(ValueError):
                inner["main"](x)
            out.copyfrom(x.numpy())

        registered("test.session.outer", catches)
        outer = session.attach(make("outer"))
        with pytest.raises(ValueError, match="told so"):
            inner["main"](tensor())
        outer["main"](tensor())
        fails[0] = False
        for _ in range(3):
            inner["main"](tensor())
    recording = session.recording()
    assert recording.invocations["failed"].tolist() == [1, 0, 0, 0, 0]
    # By number: failed and timed; the outer one; unrecorded, unrecorded, timed.
    assert recording.invocations["turn"].tolist() == [0, 0, -1, -1, 0]
    rows = recording.calls[recording.calls["invocation"] == 1]
    assert (rows["parent"][1:] < np.arange(1, len(rows))).all()
    failed = [recording.callees[c] for c in rows["callee"][rows["failed"] == 1] if c >= 0]
    assert failed == ["main", "test.session.inner"]
    last = recording.calls[recording.calls["invocation"] == 4]
    assert (last["failed"] == 0).all()
    assert (last["parent"][1:] == 0).all()


def test_a_failed_invocation_has_no_part_in_values(registered: Any) -> None:
    def kernel(x: Any, out: Any) -> None:
        if x.numpy()[0] == 1:
            raise ValueError
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel)
    with Session("none") as session:
        vm = session.attach(make("inner"))
        for value in (0, 0, 1, 1, 0, 0):
            with suppress(ValueError):
                vm["main"](tensor(np.full(4, value, "float32")))
    (report,) = reports(session.recording()).values()
    assert report.configuration["Failed"] == "2 invocations raised; no value is of them"
    assert report.configuration["Repeats"] == Count(2)


# ---- threads, processes, lives --------------------------------------------------------------


def test_threads_have_buffers_and_counters_of_their_own(engine: str) -> None:
    with Session("task-clock", engine=engine) as session:
        vms = [session.attach(make("nested")) for _ in range(3)]
        start = threading.Barrier(3)

        def work(vm: Any) -> None:
            start.wait()
            for _ in range(30):
                assert (vm["main"](tensor()).numpy() == 8 * X * X).all()

        threads = [threading.Thread(target=work, args=(vm,)) for vm in vms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    recording = session.recording()
    assert recording.problems == ()
    assert len(set(recording.invocations["thread"].tolist())) == 3
    by_vm = Counter(recording.functions[f].vm for f in recording.invocations["function"])
    assert by_vm == {0: 30, 1: 30, 2: 30}
    assert (recording.invocations["fault"] == 0).all()
    for number in recording.invocations["id"][recording.invocations["turn"] == TIMED]:
        assert len(callees(recording, number)) == 15


def test_threads_that_end_give_their_counters_back() -> None:
    with Session("task-clock") as session:
        vm = session.attach(make("nested"))
        descriptors = []
        for _ in range(6):
            thread = threading.Thread(target=lambda: [vm["main"](tensor()) for _ in range(3)])
            thread.start()
            thread.join()
            descriptors.append(len(os.listdir("/proc/self/fd")))
    assert max(descriptors[1:]) <= descriptors[1] + 1
    assert functions(session.recording()) == {"main": 18}


def test_parallel_tasks_are_recorded_as_work_of_their_call() -> None:
    def run() -> Recording:
        with Session("task-clock") as session:
            vm = session.attach(TvmVm(burning([3_000_000, 3_000_000]), tvm.cpu()))
            for _ in range(3):
                vm["main"]()
        return session.recording()

    recording = with_pool(2, run)
    (counts,) = recording.counts
    names = [recording.callees[c] if c >= 0 else "" for c in counts.calls["callee"]]
    burnt = counts.values[names.index("burn0"), 0]
    assert burnt >= 6_000_000  # both threads', in nanoseconds of task-clock


def test_one_session_at_a_time() -> None:
    with Session("none"), pytest.raises(vmprof.VmprofError, match="a session already"), Session():
        pass
    session = Session("none")
    with pytest.raises(vmprof.VmprofError, match="not open"):
        session.attach(make("nested"))
    with session, pytest.raises(vmprof.VmprofError, match="nothing is recorded yet"):
        session.recording()
    with pytest.raises(vmprof.VmprofError, match="opened once"), session:
        pass


def test_an_invocation_that_outlives_the_session_ends_well(engine: str, registered: Any) -> None:
    inside, go_on = threading.Event(), threading.Event()
    results = []

    def waits(x: Any, out: Any) -> None:
        out.copyfrom(x.numpy() + 1)
        if x.numpy()[0] == 7:
            inside.set()
            go_on.wait(60)

    registered("test.session.inner", waits)
    with Session("task-clock", engine=engine) as session:
        vm = session.attach(make("inner"))

        def work() -> None:
            for value in (0, 0, 0, 7, 0):
                results.append(vm["main"](tensor(np.full(4, value, "float32"))).numpy()[0])

        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(60)
    recording = session.recording()
    go_on.set()
    thread.join()
    assert results == [1, 1, 1, 8, 1]
    assert functions(recording) == {"main": 3}
    assert recording.problems == ("an invocation was still running when the session was closed",)


def test_vms_die_while_the_session_lives(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm["main"](tensor())
        died = weakref.ref(vm.module.pair)
        del vm
        gc.collect()
        assert died() is None
        session.attach(make("nested"))["main"](tensor())
    recording = session.recording()
    assert functions(recording) == {"main": 2}
    assert callees(recording, 0).count("multiply") == 1


def _in_child(function: Callable[[], bool]) -> bool:
    """Whether ``function``, in a child of a fork, returns true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if function() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
def test_a_child_records_nothing_and_survives(engine: str, registered: Any) -> None:
    children: list[bool] = []

    def forks(x: Any, out: Any) -> None:
        out.copyfrom(x.numpy())
        # In the child this call returns into the recorded VM.
        child = os.fork()
        children.append(child == 0)
        if child:
            _, status = os.waitpid(child, 0)
            children[-1] = os.waitstatus_to_exitcode(status) == 0

    with Session("task-clock", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm["main"](tensor())

        def child() -> bool:
            for _ in range(5):
                assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
            session.close()
            with pytest.raises(vmprof.VmprofError, match="in the process that opened it"):
                session.recording()
            with Session("none", engine=engine) as own:
                own.attach(make("nested"))["main"](tensor())
            assert functions(own.recording()) == {"main": 1}
            return True

        assert _in_child(child)
        registered("test.session.inner", forks)
        forking = session.attach(make("inner"))
        parent = os.getpid()
        for _ in range(3):  # timed, counted, not recorded
            result = forking["main"](tensor()).numpy()
            if os.getpid() != parent:
                os._exit(0 if (result == X).all() else 1)
        vm["main"](tensor())
    assert children == [True, True, True]
    assert functions(session.recording()) == {"main": 2 + 3}


# ---- bounded -------------------------------------------------------------------------------------


def test_a_full_buffer_drops_calls_and_counts_them(engine: str) -> None:
    with Session("none", engine=engine, max_records=8) as session:
        vm = session.attach(make("nested"))
        for _ in range(6):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    recording = session.recording()
    timed = recording.invocations[recording.invocations["turn"] == TIMED]
    # The invocation itself and 15 calls, into 8 places.
    assert timed["dropped"].tolist() == [8, 8, 8]
    assert len(recording.calls) == 3 * 8
    (report,) = reports(recording).values()
    assert "3 invocations lost 24 calls" in str(report.configuration["Dropped"])


def test_buffers_that_become_memory_as_they_fill_lose_nothing(engine: str) -> None:
    with Session("task-clock", engine=engine) as session:
        vm = session.attach(make("nested"))
        for _ in range(3000):
            vm["main"](tensor())
    recording = session.recording()
    assert len(recording.calls) == 1000 * 16
    for rows in (recording.calls, recording.counts[0].calls):
        names = np.array(recording.callees)[rows["callee"]].reshape(1000, 16)
        shapes = np.array(recording.signatures)[rows["signature"]].reshape(1000, 16)
        assert (names[:, 1:] == names[0, 1:]).all()
        assert (shapes[:, 1:] == shapes[0, 1:]).all()
        assert (rows["parent"].reshape(1000, 16) == [-1] + [0] * 15).all()


def test_an_error_of_ours_ends_the_session_and_not_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Session("none", max_records=64) as session:
        vm = session.attach(make("nested"))
        folding = session._fold_caller

        def fails(caller: Any) -> None:
            monkeypatch.setattr(session, "_fold_caller", folding)
            raise MemoryError("no more")

        monkeypatch.setattr(session, "_fold_caller", fails)
        for _ in range(20):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    recording = session.recording()
    assert any("no more" in problem for problem in recording.problems)
    assert 0 < functions(recording)["main"] < 20  # what was recorded until then is there


def test_an_interrupt_while_folding_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    with Session("none", max_records=64) as session:
        vm = session.attach(make("nested"))
        folding = session._fold_caller

        def interrupted(caller: Any) -> None:
            monkeypatch.setattr(session, "_fold_caller", folding)
            raise KeyboardInterrupt

        monkeypatch.setattr(session, "_fold_caller", interrupted)
        with pytest.raises(KeyboardInterrupt):
            for _ in range(20):
                vm["main"](tensor())
    assert 0 < functions(session.recording())["main"] < 20


def test_launches_and_tasks_are_dropped_too() -> None:
    def run() -> Recording:
        with Session("none", max_records=4) as session:
            vm = session.attach(TvmVm(burning(*[[1000, 1000]] * 4), tvm.cpu()))
            for _ in range(2):
                vm["main"]()
        return session.recording()

    recording = with_pool(2, run)
    assert recording.invocations["failed"].tolist() == [0, 0]
    assert recording.invocations["dropped"][0] > 0


def test_memory_is_bounded_and_totals_stay_exact() -> None:
    with Session("none", keep=400, max_records=64) as session:
        vm = session.attach(make("nested"))
        for _ in range(1000):
            vm["main"](tensor())
        vm["double"](tensor())
    recording = session.recording()
    assert functions(recording) == {"main": 1000, "double": 1}
    rows = len(recording.calls) + len(recording.invocations)
    assert 100 < rows <= 400
    of_main = recording.invocations[
        recording.invocations["function"] != recording.invocations["function"][-1]
    ]
    stride = int(recording.totals["stride"].max())
    assert stride > 1
    # Every so many of each turn, and the first four.
    for turn in (TIMED, UNRECORDED):
        place = of_main["number"][of_main["turn"] == turn] // 2
        expected = [n for n in range(500) if n < 4 or n % stride == 0]
        assert place.tolist() == expected
    total = recording.totals[recording.totals["turn"] == TIMED]["invocations"]
    assert total.sum() == 501


def test_everything_is_kept_on_demand() -> None:
    with Session("none", keep=None, max_records=64) as session:
        vm = session.attach(make("nested"))
        for _ in range(200):
            vm["main"](tensor())
    recording = session.recording()
    assert len(recording.invocations) == 200
    assert len(recording.calls) == 100 * 16


# ---- a program with state ----------------------------------------------------------------------


def generate(vm: Any, session: Session | None = None) -> tuple[list[int], np.ndarray]:
    """Tokens and last logits of a chat: one prefill, then decoding, with a paged KV cache."""

    def state(name: str, *arguments: Any) -> None:
        tvm.get_global_func(f"vm.builtin.kv_state_{name}")(*arguments)

    def label(name: str) -> Any:
        return session.label(name) if session else nullcontext()

    parameters = small_llama.parameters()
    cache = vm["create_cache"](tvm_ffi.Shape([4]))
    state("add_sequence", cache, 0)
    tokens = [3, 1, 4, 1, 5]
    following = np.array([tokens], "int32")
    for step in range(12):
        state("begin_forward", cache, tvm_ffi.Shape([0]), tvm_ffi.Shape([following.shape[1]]))
        with label("decode" if step else "prefill"):
            logits = vm["forward"](tensor(following), cache, parameters).numpy()
        state("end_forward", cache)
        following = logits.argmax(axis=1, keepdims=True).astype("int32")
        tokens.append(int(following[0, 0]))
    return tokens, logits


def test_a_language_model_gives_the_same_tokens_and_its_attention_has_rows(engine: str) -> None:
    executable = small_llama.llama().module
    expected, expected_logits = generate(TvmVm(executable, tvm.cpu()))
    with Session("none", engine=engine) as session:
        vm = session.attach(TvmVm(executable, tvm.cpu()))
        tokens, logits = generate(vm, session)
    assert tokens == expected
    assert (logits == expected_logits).all()
    recording = session.recording()
    assert functions(recording) == {"create_cache": 1, "forward": 12}
    found = reports(recording)
    assert set(found) == {"forward [prefill]", "forward [decode]", "create_cache"}
    decode = found["forward [decode]"]
    names = {str(row["Name"]) for row in decode.calls}
    assert any("decode_paged_kv" in name for name in names), names
    assert decode.configuration["Invocations"] == Count(11)
