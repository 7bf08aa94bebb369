"""Profiles of programs whose calls lie inside one another: closures, recursion, KV caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.llama import PROMPT, STEPS, llama, parameters
from support.models import program
from support.relax_zoo import zoo
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

import vmprof
from vmprof import Program, Report, VirtualMachine
from vmprof.record.recorder import Reading, Recorder
from vmprof.runs.run import Run
from vmprof.values import INCLUSIVE_DURATION, PATH, Duration
from vmprof.vm import Interpreter

X = np.array([5, -2, 3.5], "float32")
Y = np.array([1, 2, 3], "float32")


def record(program: Program, entry: str, *arguments: Any) -> tuple[Any, Run, list[str]]:
    """What ``entry`` returns under the recorder, the recording, and the callee of each call."""
    recorder = Recorder(0)
    machine = Interpreter(program, wrap=recorder.wrap, activations=recorder)
    results: list[Any] = []
    recorder.run(lambda: results.append(machine[entry](*arguments)), Reading.TIME)
    (result,) = results
    recording = recorder.recording(Reading.TIME)
    return result, recording, [machine.sites[site].callee for site in recording.sites.tolist()]


def zoo_program(exec_mode: str = "bytecode") -> Program:
    return Program.of_module(zoo(exec_mode).jit(), "zoo")


def microseconds(rows: Sequence[Any], column: str) -> float:
    return sum(row[column].microseconds for row in rows if column in row)


def assert_adds_up(report: Report) -> None:
    """Rows share out the time of the run; none is counted twice."""
    (total,) = report.device_metrics.values()
    assert isinstance(total["Duration (us)"], Duration)
    in_rows = microseconds(report.calls, "Duration (us)")
    assert in_rows <= total["Duration (us)"].microseconds
    assert all(row["Duration (us)"].microseconds >= 0 for row in report.calls)  # type: ignore[union-attr]


def test_a_closure_is_a_row_and_so_is_what_it_calls() -> None:
    result, recording, callees = record(zoo_program(), "bind_last", X, Y)
    assert result.numpy().tolist() == (X - Y).tolist()
    invoke = callees.index("vm.builtin.invoke_closure")
    kernel = next(i for i, callee in enumerate(callees) if callee.startswith("subtract"))
    assert recording.parents[kernel] == invoke
    assert recording.parents[invoke] == -1
    assert recording.paths[invoke] == "bind_last"
    assert recording.paths[kernel] == "bind_last > subtract"
    assert recording.durations_ns is not None
    inside = recording.durations_ns[recording.parents == invoke].sum()
    assert (
        recording.exclusive(recording.durations_ns)[invoke]
        == recording.durations_ns[invoke] - inside
    )


def test_a_closure_that_a_packed_function_calls_back() -> None:
    _, recording, callees = record(zoo_program(), "through_python", X, Y)
    python = callees.index("vmprof.test.call_back")
    kernel = next(i for i, callee in enumerate(callees) if callee.startswith("subtract"))
    assert recording.parents[kernel] == python
    assert recording.paths[kernel] == "through_python > subtract"


def test_the_profile_of_a_closure_adds_up() -> None:
    report = vmprof.profile(
        zoo_program(), [X, Y], entry="bind_last", repeats=1, counters="page-faults"
    )
    assert_adds_up(report)
    (invoke,) = [row for row in report.calls if row["Name"] == "vm.builtin.invoke_closure"]
    inside = [row for row in report.calls if row[PATH] == "bind_last > subtract"]
    assert inside
    own, inclusive = invoke["Duration (us)"], invoke[INCLUSIVE_DURATION]
    assert isinstance(own, Duration)
    assert isinstance(inclusive, Duration)
    expected = own.microseconds + microseconds(inside, "Duration (us)")
    assert inclusive.microseconds == pytest.approx(expected)
    assert "perf::PAGE-FAULTS incl." in invoke
    assert "Call path" not in report.table()
    assert "bind_last > subtract" in report.table(by_path=True)
    assert Report.from_json(report.json()) == report


def test_recursion_and_calls_of_other_functions_have_paths() -> None:
    report = vmprof.profile(program("recursive"), [np.array([30], "float32")], repeats=1)
    assert_adds_up(report)
    paths = [row[PATH] for row in report.calls if row["Name"] == "greater_equal"]
    assert paths == ["main", "main x2", "main x3"]
    # Calls of VM functions cost no window: nothing nests.
    assert not [row for row in report.calls if INCLUSIVE_DURATION in row]
    nested = vmprof.profile(program("nested"), [np.ones(4, "float32")], repeats=1)
    assert {row[PATH] for row in nested.calls} == {"main", "main > double"}


def test_recursion_is_recorded_as_deep_as_tvm_goes() -> None:
    deep = program("recursive")
    result, recording, callees = record(deep, "main", np.array([1e-35], "float32"))
    assert result.numpy()[0] >= 100
    assert recording.paths[-1] == "main"
    rounds = callees.count("greater_equal")
    assert rounds > 120
    assert f"main x{rounds}" in recording.paths


def test_native_code_is_a_row_with_the_closures_inside() -> None:
    report = vmprof.profile(zoo_program("compiled"), [X, Y], entry="bind_last", repeats=1)
    assert [(row["Name"], row[PATH]) for row in report.calls] == [
        ("__vmtir__bind_last", "bind_last"),
        ("__vmtir__subtract", "bind_last > subtract"),
    ]
    assert_adds_up(report)
    assert "bind_last" in str(report.configuration["Native code"])


def test_an_error_inside_a_closure_names_every_instruction_on_the_way() -> None:
    machine = Interpreter(zoo_program())
    closure = machine["escape"](Y[:2])
    with pytest.raises(RuntimeError, match="param=y") as caught:
        machine["apply"](closure, X)
    inner, shapes, outer, _ = caught.value.__notes__
    assert inner.startswith("in 'subtract', instruction ")
    assert "vm.builtin.match_shape" in inner
    assert shapes == "argument shapes: float32[2], int64[2]"
    assert outer.startswith("in 'apply', instruction ")
    assert "vm.builtin.invoke_closure" in outer
    # Nothing of it sticks to the next error.
    with pytest.raises(TypeError) as caught_next:
        machine["apply"](closure, "text")
    assert len(caught_next.value.__notes__) == 2


def test_a_decoder_with_a_paged_kv_cache() -> None:
    """Prefill and several decode steps under the profiler, with the outputs of TVM's VM."""
    tokens = tvm.runtime.tensor(np.array([[3, 1, 4, 1, 5]], "int32"))
    assert tokens.shape[1] == PROMPT
    weights = parameters()
    expected = TvmVirtualMachine(llama().module, tvm.cpu())["main"](tokens, weights)
    profiled, recording, callees = record(llama(), "main", tokens, weights)
    alone = VirtualMachine(llama(), tvm.cpu())["main"](tokens, weights)
    for logits in (profiled, alone):
        assert [step.numpy().tobytes() for step in logits] == [
            step.numpy().tobytes() for step in expected
        ]
    assert len({step.numpy().tobytes() for step in expected}) == 1 + STEPS
    # Kernels that the cache was handed are rows inside the attention that calls them.
    attention = "vm.builtin.attention_kv_cache_attention_with_fused_qkv"
    appended = callees.index("tir_kv_cache_transpose_append")
    assert callees[recording.parents[appended]] == attention
    assert callees.count(attention) == 2 * (1 + STEPS)
    report = vmprof.profile(llama(), [tokens, weights], repeats=1)
    assert_adds_up(report)


def test_a_decoder_step_by_step() -> None:
    """The cache lives outside of the functions, as serving engines have it."""
    begin, end, add = (
        tvm_ffi.get_global_func(f"vm.builtin.kv_state_{name}")
        for name in ("begin_forward", "end_forward", "add_sequence")
    )
    weights = parameters()
    outputs = []
    for machine in (VirtualMachine, TvmVirtualMachine):
        vm = machine(llama().module, tvm.cpu())
        kv_cache = vm["create_cache"](tvm_ffi.Shape([4]))
        add(kv_cache, 0)
        outputs.append([])
        for tokens in ([[3, 1, 4, 1, 5]], [[9]], [[2]], [[6]]):
            begin(kv_cache, tvm_ffi.Shape([0]), tvm_ffi.Shape([len(tokens[0])]))
            logits = vm["forward"](tvm.runtime.tensor(np.array(tokens, "int32")), kv_cache, weights)
            end(kv_cache)
            outputs[-1].append(logits.numpy().tobytes())
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0])) == 4
