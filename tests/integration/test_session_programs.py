"""Sessions and programs that nest, raise, fork, use threads, run long or keep state."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support import llama as small_llama
from support.parallel import burning, with_pool
from support.sessions import TvmVm, X, callees, functions, make, tensor

import vmprof
from vmprof.record.sessions.callers import Callers
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, UNRECORDED, Recording
from vmprof.values import Count

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


def test_nested_invocations_in_buffers_that_are_used_again(engine: str, registered: Any) -> None:
    with Session("task-clock", engine=engine, max_records=128) as session:
        inner = session.attach(make("nested"))
        registered("test.session.outer", lambda x, out: out.copyfrom(inner["main"](x).numpy()))
        vm = session.attach(make("outer"))
        for _ in range(90):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    recording = session.recording()
    for rows in (recording.calls, recording.counts[0].calls):
        assert (rows["failed"] == 0).all()
        parents = rows["parent"].reshape(30, -1)
        names = np.array(recording.callees)[rows["callee"]].reshape(30, -1)
        assert (parents == parents[0]).all()
        assert (names[:, 1:] == names[0, 1:]).all()


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
            inputs = [tensor(np.full(4, value, "float32")) for value in (0, 0, 0, 7, 0)]
            results.extend(vm["main"](each).numpy()[0] for each in inputs)

        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(60)
    recording = session.recording()
    go_on.set()
    thread.join()
    assert results == [1, 1, 1, 8, 1]
    assert functions(recording) == {"main": 3}
    assert recording.problems == ("an invocation was still running when the session was closed",)


def test_a_thread_that_outlives_the_session_leaves_what_is_pythons_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python may be ending when it ends, and would abort: what it has is for the next session."""
    ours = []
    guarded = Callers._guarded

    def watched(callers: Callers, function: Callable[..., Any]) -> Callable[..., Any]:
        made = guarded(callers, function)
        ours.append(weakref.ref(made))
        return made

    monkeypatch.setattr(Callers, "_guarded", watched)
    called, over = threading.Event(), threading.Event()

    def work(vms: list[Any]) -> None:
        vms.pop()["main"](tensor())
        called.set()
        over.wait(60)

    with Session("none") as session:
        thread = threading.Thread(target=work, args=([session.attach(make("nested"))],))
        thread.start()
        assert called.wait(60)
    del session
    gc.collect()
    over.set()
    thread.join()
    while Path(f"/proc/self/task/{thread.native_id}").exists():
        time.sleep(0.001)
    assert [function() is None for function in ours] == [False, False]
    with Session("none"):
        assert [function() is None for function in ours[:2]] == [True, True]


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
        folding = session._callers.fold

        def fails(caller: Any) -> None:
            monkeypatch.setattr(session._callers, "fold", folding)
            raise MemoryError("no more")

        monkeypatch.setattr(session._callers, "fold", fails)
        for _ in range(20):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    recording = session.recording()
    assert any("no more" in problem for problem in recording.problems)
    assert 0 < functions(recording)["main"] < 20  # what was recorded until then is there


def test_an_interrupt_while_folding_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    with Session("none", max_records=64) as session:
        vm = session.attach(make("nested"))
        folding = session._callers.fold

        def interrupted(caller: Any) -> None:
            monkeypatch.setattr(session._callers, "fold", folding)
            raise KeyboardInterrupt

        monkeypatch.setattr(session._callers, "fold", interrupted)
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
