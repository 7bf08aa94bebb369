"""Which storages live when, in programs whose bytecode says it: sizes and lives by hand."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support import llama as small_llama
from support import random_bytecode
from support.models import Nested
from support.sessions import TvmVm, X, compiled, make, tensor

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
    Goto,
    If,
    Immediate,
    Instruction,
    Operand,
    Register,
    Ret,
    ShapeConstant,
)
from vmprof.record.sessions.session import Session
from vmprof.recording.groups import groups_of
from vmprof.recording.memory import Held, Memory, live_bytes
from vmprof.recording.reports import reports
from vmprof.recording.saved import dumps, loads
from vmprof.recording.summary import not_seen
from vmprof.recording.tables import TIMED, Recording
from vmprof.runs.storages import ALIVE
from vmprof.values import Count
from vmprof.vm.executable import load

Row = tuple[int, int, int]  # call, end, bytes

# Of support.models.Nested: rows 1 to 2 check main's argument, 3 to 7 are the first call of
# `double` (storage, tensor, add), 8 to 12 the second, 13 to 15 make the result. What `double`
# gave is cleared after the multiplication, and nothing is called after that.
NESTED: list[Row] = [(5, 16, 16), (10, 16, 16), (13, ALIVE, 16)]
# Of support.models.calls_packed: 3 to 5 are the ReLU, 6 to 8 the packed function, which reads
# what that gave; nothing is called after it.
PACKED: list[Row] = [(3, 9, 16), (6, ALIVE, 16)]


def storages(recording: Recording) -> dict[int, list[Row]]:
    """Those of each timed invocation, by its number."""
    timed = recording.invocations[recording.invocations["turn"] == TIMED]
    table = recording.allocations
    assert set(table["invocation"]) <= set(timed["id"])
    return {
        int(number): [
            (int(row["call"]), int(row["end"]), int(row["bytes"]))
            for row in table[table["invocation"] == one]
        ]
        for one, number in zip(timed["id"], timed["number"], strict=True)
    }


def memory(recording: Recording, function: str = "main") -> Memory | None:
    (group,) = (group for group in groups_of(recording) if group.title == function)
    return group.memory


# ---- by hand ------------------------------------------------------------------------------


def test_storages_of_functions_that_call_one_another(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("nested"))
        for _ in range(6):
            vm["main"](tensor())
    recording = session.recording()
    assert storages(recording) == {0: NESTED, 3: NESTED, 4: NESTED}
    found = memory(recording)
    assert found is not None
    assert (found.peak, found.operator, found.call, found.calls) == (48, "multiply", 13, 15)
    assert found.alive == (Held("add", 32, 2), Held("multiply", 16, 1))
    assert found.left == 16
    assert found.curve.tolist() == [0, 16, 32, 48, 16]
    (report,) = reports(recording).values()
    assert report.configuration["Peak memory (bytes)"] == Count(48)


def test_of_several_devices_it_says_that_they_are_not_told_apart(engine: str) -> None:
    for devices, told in (
        (tvm.cpu(), ""),
        ([tvm.cpu(), tvm.cpu()], ""),
        ([tvm.cpu(0), tvm.cpu(1)], "on which of cpu0, cpu1 a storage is: bytes are of all these"),
    ):
        with Session("none", engine=engine) as session:
            session.attach(TvmVm(compiled("nested"), devices))["main"](tensor())
        recording = loads(dumps(session.recording()), "x")
        (report,) = reports(recording).values()
        assert str(report.configuration["Memory does not tell"]).startswith(told or "constants")
        assert [note.startswith(f"VM 1: {told}") for note in not_seen(recording)] == [True] * bool(
            told
        )
        assert report.device_metrics.keys() == {"cpu0"}


def test_sizes_that_the_program_computes(engine: str) -> None:
    with Session("none", engine=engine) as session:
        vm = session.attach(make("dynamic"))
        for rows in (3, 5, 7, 9):
            vm["main"](tensor(np.zeros((rows, 16), "float32")))
    recording = session.recording()
    # float32[rows, 8] twice; the first is cleared when relu has read it, before a match_shape.
    assert storages(recording) == {
        0: [(6, 15, 3 * 8 * 4), (11, ALIVE, 3 * 8 * 4)],
        3: [(6, 15, 9 * 8 * 4), (11, ALIVE, 9 * 8 * 4)],
    }
    found = memory(recording)
    assert found is not None
    assert found.peaks.tolist() == [192, 576]
    (report,) = reports(recording).values()
    assert report.configuration["Peak memory at"] == (
        "before relu, call 11 of 15, in that of 2 invocations with most; the least is 192"
    )


def looping(step: str, alloc: str = "vm.builtin.alloc_storage", *, is_turned: bool = False) -> Any:
    """While `step` says so, a storage of 64 times 6 int32 takes the place of the one before.

    ``alloc`` takes the builtin's operands, if it ``is_turned`` from last to first.
    """
    names = [step, alloc]
    calls = {name: FunctionReference(1 + i, name) for i, name in enumerate(names)}
    shape, dtype, scope = map(ConstantReference, range(3))
    operands: tuple[Operand, ...] = (Register(VM_REGISTER), shape, Immediate(0), dtype, scope)
    code: Sequence[Instruction] = (
        Call(Register(1), calls[step], ()),
        If(Register(1), 3),
        Call(Register(0), calls[alloc], operands[::-1] if is_turned else operands),
        Goto(-3),
        Ret(Register(VOID_REGISTER)),
    )
    table = [Function(FunctionKind.VM, "main", 0, len(code), 0, 2, ())]
    table += [Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ()) for name in names]
    constants = (ShapeConstant((64, 6)), DataTypeConstant((0, 32, 1)), "global")
    return load(Bytecode(tuple(table), tuple(code), constants, {}))


def test_a_loop_holds_two_storages_while_one_takes_the_place_of_the_other(
    engine: str, registered: Any
) -> None:
    left = [3]

    def step() -> bool:
        left[0] -= 1
        return left[0] >= 0

    registered("test.memory.step", step)
    with Session("none", engine=engine) as session:
        vm = session.attach(TvmVm(looping("test.memory.step"), tvm.cpu()))
        vm["main"]()
    size = 64 * 6 * 4
    # Rows are step, storage, step, storage, step, storage, step.
    assert storages(session.recording()) == {0: [(2, 5, size), (4, 7, size), (6, 8, size)]}
    found = memory(session.recording())
    assert found is not None
    assert found.peak == 2 * size
    assert found.left == 0
    assert found.curve.tolist() == [0, size, 2 * size, size, 2 * size, size, 0]


def test_what_raises_releases_all_and_the_next_invocation_is_whole(
    engine: str, registered: Any
) -> None:
    fails = [True]

    def kernel(x: Any, out: Any) -> None:
        if fails[0]:
            raise ValueError("told so")
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel)
    with Session("none", engine=engine) as session:
        vm = session.attach(make("inner"))
        for number in range(5):
            fails[0] = number == 0
            with suppress(ValueError):
                vm["main"](tensor())
    found = storages(session.recording())
    assert set(found) == {0, 3, 4}
    assert found[3] == found[4] == PACKED
    assert [call for call, *_ in found[0]] == [3, 6]
    of_returned = memory(session.recording())
    assert of_returned is not None
    assert len(of_returned.peaks) == 2


def test_results_of_earlier_invocations_are_no_part_of_later_ones(
    engine: str, registered: Any
) -> None:
    kept: list[Any] = []

    def kernel(x: Any, out: Any) -> None:
        kept.clear()  # releases what the invocation before gave
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel)
    with Session("none", engine=engine) as session:
        vm = session.attach(make("inner"))
        for _ in range(12):
            kept[:] = [vm["main"](tensor())]
    found = storages(session.recording())
    assert len(found) == 6
    assert all(rows == PACKED for rows in found.values())


def test_memory_of_an_invocation_inside_another(engine: str, registered: Any) -> None:
    with Session("none", engine=engine) as session:
        inner = session.attach(make("nested"))
        registered("test.session.outer", lambda x, out: out.copyfrom(inner["main"](x).numpy()))
        vm = session.attach(make("outer"))
        vm["main"](tensor())
    # Row 8 is the packed function, 9 the inner invocation. What that gave goes with the array
    # in Python, but a VM of TVM's keeps what its last call returned.
    end = ALIVE if engine == "tvm" else 25
    assert storages(session.recording()) == {
        0: [(3, 25, 16), (6, ALIVE, 16), (14, 25, 16), (19, 25, 16), (22, end, 16)]
    }
    found = memory(session.recording())
    assert found is not None
    assert found.peak == 5 * 16


def test_storages_that_cannot_be_followed_are_a_problem(engine: str, registered: Any) -> None:
    left = [0]

    def step() -> bool:
        left[0] -= 1
        return left[0] >= 0

    builtin = tvm_ffi.get_global_func("vm.builtin.alloc_storage")
    registered("test.memory.step", step)
    # The same under another name; and one whose operands say the size in another place.
    registered("test.memory.alike", builtin)
    registered("test.memory.other", lambda scope, *last: builtin(*last[::-1], scope))
    problems = []
    for alloc in ("test.memory.alike", "test.memory.other"):
        left[0] = 2
        with Session("none", engine=engine) as session:
            program = looping("test.memory.step", alloc, is_turned=alloc == "test.memory.other")
            session.attach(TvmVm(program, tvm.cpu()))["main"]()
        recording = session.recording()
        assert len(recording.allocations) == (2 if alloc == "test.memory.alike" else 0)
        problems.append([problem[:9] for problem in recording.problems])
    assert problems == [[], ["storages "]]


# ---- threads, buffers that fill, sessions that end ---------------------------------------------


def test_each_thread_has_its_own(engine: str) -> None:
    with Session("none", engine=engine) as session:
        # One VM is for one thread at a time.
        vms = [session.attach(make("nested")) for _ in range(3)]

        def call(vm: Any) -> None:
            for _ in range(30):
                vm["main"](tensor())

        threads = [threading.Thread(target=call, args=[vm]) for vm in vms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    recording = session.recording()
    table = recording.allocations
    assert len(set(table["invocation"])) == 3 * 15
    assert table[["call", "end", "bytes"]].tolist() == 45 * NESTED


def test_buffers_that_are_used_again_and_invocations_that_are_left_out(engine: str) -> None:
    with Session("none", engine=engine, max_records=128, keep=500) as session:
        vm = session.attach(make("nested"))
        results = [vm["main"](tensor()) for _ in range(600)]  # none of them is released
    recording = session.recording()
    found = storages(recording)
    assert 4 < len(found) < 300
    assert all(rows == NESTED for rows in found.values())
    assert (results[-1].numpy() == 8 * X * X).all()


def test_where_calls_are_lost_nothing_is_said_of_memory(engine: str) -> None:
    with Session("none", engine=engine, max_records=8) as session:
        vm = session.attach(make("nested"))
        for _ in range(4):
            assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    assert memory(session.recording()) is None
    (report,) = reports(session.recording()).values()
    assert "Peak memory (bytes)" not in report.configuration


def test_an_invocation_that_is_not_over_has_no_storages(engine: str, registered: Any) -> None:
    inside, over = threading.Event(), threading.Event()
    calls = [0]

    def kernel(x: Any, out: Any) -> None:
        calls[0] += 1
        if calls[0] == 4:  # the second that is timed
            inside.set()
            assert over.wait(60)
        out.copyfrom(x.numpy())

    registered("test.session.inner", kernel)
    with Session("none", engine=engine) as session:
        vm = session.attach(make("inner"))
        thread = threading.Thread(target=lambda: [vm["main"](tensor()) for _ in range(4)])
        thread.start()
        assert inside.wait(60)
    over.set()
    thread.join()
    found = storages(session.recording())
    assert found == {0: PACKED}


# ---- programs that nobody wrote by hand ---------------------------------------------------------


def test_a_language_model_leaves_its_logits_alone_alive() -> None:
    executable = small_llama.llama().module
    found = []
    for engine in ("tvm", "vmprof"):
        with Session("none", engine=engine) as session:
            vm = session.attach(TvmVm(executable, tvm.cpu()))
            tokens = tensor(np.array([[3, 1, 4, 1, 5]], "int32"))
            cache = vm["create_cache"](tvm_ffi.Shape([4]))
            state = tvm_ffi.get_global_func
            state("vm.builtin.kv_state_add_sequence")(cache, 0)
            state("vm.builtin.kv_state_begin_forward")(
                cache, tvm_ffi.Shape([0]), tvm_ffi.Shape([5])
            )
            logits = vm["forward"](tokens, cache, small_llama.parameters()).numpy()
        recording = session.recording()
        of_forward = memory(recording, "forward")
        assert of_forward is not None
        assert of_forward.left == logits.nbytes
        assert of_forward.peak > logits.nbytes
        assert of_forward.peak == sum(held.bytes for held in of_forward.alive)
        found.append(storages(recording))
    assert found[0] == found[1]


def held_by(recording: Recording) -> list[list[int]]:
    """Of each timed invocation, the bytes alive after each call."""
    calls = recording.calls
    firsts = np.flatnonzero(calls["callee"] < 0)
    live = live_bytes(calls, firsts, recording.allocations)
    assert (live >= 0).all()
    return [each.tolist() for each in np.split(live, firsts[1:])]


@pytest.mark.parametrize("seed", range(3))
def test_both_engines_see_the_same_storages_of_random_programs(seed: int) -> None:
    generator = random_bytecode.Generator(2000 + seed, 100)
    module = load(generator.bytecode)
    found = []
    for engine in ("tvm", "vmprof"):
        with Session("none", engine=engine) as session:
            vm = session.attach(TvmVm(module, tvm.cpu()))
            for each in generator.programs:
                with suppress(Exception):
                    vm[each.name](*each.arguments)
        recording = session.recording()
        assert recording.problems == ()
        assert len(recording.allocations)
        assert held_by(recording)
        found.append(sorted(recording.allocations["bytes"].tolist()))
    assert found[0] == found[1]


def test_of_native_code_that_calls_without_the_table_nothing_is_said() -> None:
    executable = tvm.relax.build(Nested, tvm.target.Target("llvm"), exec_mode="compiled")
    with Session("none", engine="vmprof") as session:
        vm = session.attach(TvmVm(executable, tvm.cpu()))
        assert (vm["main"](tensor()).numpy() == 8 * X * X).all()
    assert memory(session.recording()) is None
    (report,) = reports(session.recording()).values()
    assert "Peak memory (bytes)" not in report.configuration
