"""Sessions: what they record of real VMs, and which turn reads what."""

from __future__ import annotations

import errno
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import tvm
import tvm_ffi
from support.kernel import FakeKernel
from support.sessions import TvmVm, X, callees, compiled, functions, make, tensor
from support.traps import trap

import vmprof
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.runs.faults import COUNTED_LESS, LOST, NO_FAULT, STAYED_OFF
from vmprof.values import Count, Ratio
from vmprof.vm import VirtualMachine as OwnVm

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


def test_counters_that_do_not_start_leave_no_counts(kernel: FakeKernel, engine: str) -> None:
    with Session("page-faults", engine=engine) as session:
        vm = session.attach(make("nested"))
        vm["main"](tensor())
        kernel.refuse_control = lambda _: errno.ENODEV
        vm["main"](tensor())
        kernel.refuse_control = lambda _: None
    assert session.recording().invocations["fault"].tolist() == [NO_FAULT, STAYED_OFF]
    (report,) = reports(session.recording()).values()
    assert "the counters stayed off" in report.missing["perf::PAGE-FAULTS"]


@pytest.mark.usefixtures("kernel")
def test_what_a_breakpoint_lost_is_said(engine: str, registered: Any) -> None:
    invocations = []

    def kernel_with_a_trap(x: Any, out: Any) -> None:
        if len(invocations) == 2:  # the counted one
            trap()
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel_with_a_trap)
    with Session("mem:0x7f00:rw", engine=engine) as session:
        vm = session.attach(make("inner"))
        for number in range(2):
            invocations.append(number)
            vm["main"](tensor())
    assert session.recording().invocations["fault"].tolist() == [NO_FAULT, COUNTED_LESS]
    (report,) = reports(session.recording()).values()
    (reason,) = report.missing.values()
    assert LOST in reason


def test_an_empty_call_is_counted_in_each_pass(kernel: FakeKernel, engine: str) -> None:
    """Each reading of the kernel that is played adds the same to the counter."""
    assert kernel.open == {}
    with Session("cycles", engine=engine) as session:
        vm = session.attach(make("nested"))
        for _ in range(2):
            vm["main"](tensor())
    facts = session.recording().facts
    assert facts[f"Empty call, engine {engine} perf::CYCLES"] == Count(4_000_000)
    (report,) = reports(session.recording()).values()
    assert report.configuration["Empty call perf::CYCLES"] == Count(4_000_000)
    assert "Empty call (us)" in report.configuration


def test_an_empty_call_counts_the_thread_that_has_the_counters() -> None:
    session = Session("task-clock")
    with session:
        session.attach(make("nested"))["main"](tensor())
        closing = Thread(target=session.close)
        closing.start()
        closing.join()
    names = [name for name in session.recording().facts if name.startswith("Empty call")]
    assert names == ["Empty call, engine tvm (us)"]
