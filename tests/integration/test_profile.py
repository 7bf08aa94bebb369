"""vmprof.profile, end to end."""

from __future__ import annotations

import errno
import itertools
import os
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.kernel import FakeKernel
from support.models import calls_packed, compile_relax, dynamic, program
from support.traces import read_trace

import vmprof
from vmprof import Report, VmprofError
from vmprof.counters import Machine, open_counters, parse_events
from vmprof.counters.encoding import HARDWARE
from vmprof.counters.hardware.pmu import Pmu
from vmprof.values import LIVE_MEMORY, PEAK_MEMORY, Count, Duration, Ratio, Samples

FOUR = np.array([1, -2, 3.5, 0], "float32")


def rows(report: Report) -> list[str]:
    return [str(call["Name"]) for call in report.calls]


def test_rows_are_the_calls_of_the_program() -> None:
    report = vmprof.profile(program("nested"), [FOUR], repeats=3, counters="none")
    code = program("nested").bytecode
    main = code.function("main")
    assert main is not None
    assert rows(report).count("add") == 2  # double, called twice
    assert rows(report).count("multiply") == 1
    assert "vm.builtin.null_value" not in rows(report)
    add = report.calls[rows(report).index("add")]
    assert add["Argument Shapes"] == "float32[4], float32[4], float32[4]"
    assert add["Device"] == "cpu0"
    assert add["Count"] == Count(1)
    samples = add["Duration (us) samples"]
    assert isinstance(samples, Samples)
    assert len(samples.values) == 3


def test_rows_do_not_exceed_the_total() -> None:
    """Run by run: what the rows of one run add up to happened inside it."""
    report = vmprof.profile(program("nested"), [FOUR], repeats=5, counters="none")
    columns = [call["Duration (us) samples"] for call in report.calls]
    total = report.device_metrics["cpu0"]["Duration (us) samples"]
    assert isinstance(total, Samples)
    for run in range(5):
        explained = sum(c.values[run] for c in columns if isinstance(c, Samples))
        assert 0 < explained < total.values[run]


def test_an_interrupt_says_what_is_lost() -> None:
    def interrupt(step: str) -> None:
        if step.startswith("measuring, round 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        vmprof.profile(program("nested"), [FOUR], repeats=4, counters="none", progress=interrupt)
    assert raised.value.__notes__ == ["lost is what was measured in 2 of the rounds"]


def test_configuration_says_how_it_was_measured() -> None:
    report = vmprof.profile(program("nested"), [FOUR], repeats=4, warmup=2, counters="none")
    configuration = report.configuration
    assert configuration["Number of threads"] == Count(tvm.runtime.num_threads())
    assert configuration["Executor"] == "VM"
    assert configuration["Model"] == "nested"
    assert configuration["Repeats"] == Count(4)
    assert configuration["Warm-up"] == Count(2)
    assert configuration["vmprof"] == vmprof.__version__
    times = configuration["Unprofiled mean (us) samples"]
    mean = configuration["Unprofiled mean (us)"]
    assert isinstance(times, Samples)
    assert isinstance(mean, Duration)
    # Of four the middle two.
    assert mean.microseconds == pytest.approx(sum(sorted(times.values)[1:3]) / 2)
    assert str(configuration["Measured runs"]).startswith(("warm, each after ", "single, "))
    assert str(configuration["Estimator"]).startswith("mean over the middle half of the runs")
    empty = configuration["Empty call (us)"]
    assert isinstance(empty, Duration)
    assert empty.microseconds > 0
    assert "Counters" not in configuration


def test_counts_and_durations_come_from_runs_of_their_own(kernel: FakeKernel) -> None:
    events = "cycles,instructions"
    with open_counters(parse_events(events, Machine.read()), Machine.read()):
        to_open = kernel.reads
    report = vmprof.profile(program("nested"), [FOUR], repeats=2, warmup=0, counters=events)
    # The counter grows by as much from one read() to the next.
    step = 4_000_000
    assert all(call["perf::CYCLES"] == Count(step) for call in report.calls)
    # The run's window holds two reads per call, and its own second one.
    total = report.device_metrics["cpu0"]["perf::CYCLES"]
    assert total == Count(step * (2 * len(report.calls) + 1))
    assert report.configuration["Empty call perf::CYCLES"] == Count(step)
    assert "in runs of their own" in str(report.configuration["Counters"])
    # two repeats, then the empty calls
    runs = 2 * 2 * (len(report.calls) + 1) + 2 * (1000 + 1)
    assert kernel.reads == to_open + to_open + runs


def test_more_events_than_counters_are_counted_in_passes(kernel: FakeKernel) -> None:
    kernel.counters = 1
    report = vmprof.profile(
        program("nested"), [FOUR], repeats=2, counters="cycles,instructions,page-faults"
    )
    for call in report.calls:
        assert call["perf::CYCLES"] == Count(4_000_000)
        assert call["perf::INSTRUCTIONS"] == Count(2_000_000)
    configuration = report.configuration
    assert str(configuration["Counters, pass 1"]).startswith("perf::CYCLES, perf::PAGE-FAULTS;")
    assert str(configuration["Counters, pass 2"]).startswith("perf::INSTRUCTIONS; read by")


def test_multiplexed_counters_say_their_share(kernel: FakeKernel) -> None:
    kernel.counters = 1
    report = vmprof.profile(
        program("nested"), [FOUR], repeats=2, counters="cycles,instructions", multiplex=True
    )
    for call in report.calls:
        assert call["perf::CYCLES"] == Count(4_000_000)
        assert call["perf::CYCLES counted"] == Ratio(0.5)
        assert call["perf::INSTRUCTIONS counted"] == Ratio(0.5)


@pytest.mark.parametrize("every", [1, 3, 50])
def test_a_hybrids_thread_moves(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """Between kinds of core, at any time; readings of its two groups are some time apart."""
    pmus = {
        "cpu_core": Pmu("cpu_core", 4, cpus=(0, 1), is_core=True),
        "cpu_atom": Pmu("cpu_atom", 8, cpus=(2, 3), is_core=True),
    }
    hybrid = Machine(paranoid=1, pmus=pmus)
    monkeypatch.setattr(Machine, "read", lambda: hybrid)
    calls = itertools.count()
    kernel.core = lambda: (4, 8)[next(calls) // every % 2]
    report = vmprof.profile(program("nested"), [FOUR], repeats=2, counters="cycles,page-faults")
    assert report.missing == {}
    assert "perf::CYCLES" in report.device_metrics["cpu0"]


def test_a_single_pass_reads_both_in_one_run(kernel: FakeKernel) -> None:
    runs: list[None] = []
    name = "vmprof.test.counts_runs"

    def count(x: Any, out: Any) -> None:
        runs.append(None)

    tvm_ffi.register_global_func(name, count, override=True)
    report = vmprof.profile(
        compile_relax(calls_packed(name)),
        [FOUR],
        repeats=2,
        warmup=1,
        single_pass=True,
        counters="cycles",
    )
    # TVM's VM and ours, once each per round.
    assert len(runs) == 3 * 2
    assert all("perf::CYCLES" in call for call in report.calls)
    assert "in the runs that are timed" in str(report.configuration["Counters"])


def test_refused_events_are_missing_with_a_reason(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.ENOENT if event.type == HARDWARE else None
    report = vmprof.profile(program("nested"), [FOUR], repeats=2)
    assert set(report.missing) == {
        "perf::CYCLES",
        "perf::INSTRUCTIONS",
        "perf::CACHE-MISSES",
        "perf::STALLED-CYCLES-FRONTEND",
        "perf::STALLED-CYCLES-BACKEND",
    }
    assert "perf::PAGE-FAULTS" in report.calls[0]
    table = str(report)
    assert "\nNot counted\n-----------\n" in table
    assert all(name not in table.split("Configuration", maxsplit=1)[0] for name in report.missing)


def test_a_pmu_that_another_takes_gives_no_numbers(kernel: FakeKernel) -> None:
    """In the middle of the run, when everything was open and checked."""

    def take(x: Any, out: Any) -> None:
        kernel.counters = 0

    name = "vmprof.test.takes_the_pmu"
    tvm_ffi.register_global_func(name, take, override=True)
    report = vmprof.profile(compile_relax(calls_packed(name)), [FOUR], repeats=2, counters="cycles")
    assert "a reading of the counters failed during the run" in report.missing["perf::CYCLES"]
    assert all("perf::CYCLES" not in call for call in report.calls)
    assert "Empty call perf::CYCLES" not in report.configuration


def test_a_machine_that_forbids_everything_still_gives_times(kernel: FakeKernel) -> None:
    kernel.refuse = lambda event: errno.EACCES
    report = vmprof.profile(program("nested"), [FOUR], repeats=2)
    assert len(report.missing) == 10  # nine events, and what is computed from two of them
    assert "add" in rows(report)


def test_shapes_that_differ_between_calls_are_rows_of_their_own() -> None:
    report = vmprof.profile(dynamic_module(), dimensions={"n": 3}, repeats=2, counters="none")
    matmul = report.calls[rows(report).index("matmul")]
    assert matmul["Argument Shapes"] == "float32[3, 16], float32[16, 8], float32[3, 8]"


def dynamic_module() -> tvm.runtime.Executable:
    return tvm.compile(dynamic(), "llvm")


def test_everything_that_compilers_return_can_be_profiled(tmp_path: Any) -> None:
    executable = dynamic_module()
    path = tmp_path / "model.so"
    executable.export_library(str(path))
    for source in (executable, executable.jit(), path, str(path)):
        report = vmprof.profile(source, {"x": np.ones((2, 16), "float32")}, repeats=1)
        assert "matmul" in rows(report)


def test_runs_that_call_differently_are_said() -> None:
    """A program that goes another way every time: every run counts."""
    name = "vmprof.test.fickle"
    turn = itertools.count()

    def fickle(x: Any, out: Any) -> None:
        # However many runs there are between two that are measured, no rhythm of theirs fits.
        odd = next(turn).bit_count() % 2
        out.copyfrom(np.full(4, odd, "float32"))

    tvm_ffi.register_global_func(name, fickle, override=True)
    report = vmprof.profile(compile_relax(fickle_module(name)), [FOUR], repeats=6, counters="none")
    note = str(report.configuration["Note"])
    assert note.startswith("2 of 17 calls were not made in every run: ")
    assert "tir_exp in " in note
    assert "tir_abs in " in note
    by_name = {str(call["Name"]): call for call in report.calls}
    assert {"tir_exp", "tir_abs"} <= set(by_name)
    # In each run one of them was made.
    both = [by_name[each]["Duration (us) samples"] for each in ("tir_exp", "tir_abs")]
    pairs = zip(*[each.values for each in both if isinstance(each, Samples)], strict=True)
    assert all((one > 0) is not (other > 0) for one, other in pairs)
    drawn = [call for call in report.calls if "Window (us)" in call]
    assert len(drawn) == 16
    slices = read_trace(report.trace()).slices
    names = [one.name for one in slices if one.category not in ("run", "function")]
    assert names == [call["Name"] for call in drawn]
    assert "Begin (us)" in report.to_pandas()
    assert report.html()


def fickle_module(name: str) -> tvm.IRModule:
    from tvm import relax

    x = relax.Var("x", relax.TensorType((4,), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        chosen = builder.emit(
            relax.op.call_dps_packed(name, relax.Tuple([x]), relax.TensorType((4,), "float32"))
        )
        largest = builder.emit(relax.op.max(chosen))
        condition = builder.emit(relax.op.greater(largest, relax.const(0.5, "float32")))
        builder.emit_func_output(relax.If(condition, relax.op.exp(x), relax.op.abs(x)))
    return builder.get()


# ---- errors --------------------------------------------------------------------


def test_a_kernel_that_raises_leaves_nothing_open() -> None:
    name = "vmprof.test.raises"

    def fail(x: Any, out: Any) -> None:
        raise ValueError("the kernel's own words")

    tvm_ffi.register_global_func(name, fail, override=True)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(ValueError, match="the kernel's own words") as caught:
        vmprof.profile(compile_relax(calls_packed(name)), [FOUR])
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert any("argument shapes: float32[4], float32[4]" in note for note in caught.value.__notes__)


def test_a_kernel_that_raises_late_names_the_run() -> None:
    """TVM's own VM may be the one that meets it."""
    name = "vmprof.test.raises_late"
    calls = itertools.count()

    def fail(x: Any, out: Any) -> None:
        if next(calls) == 5:  # warm-up: ours, for time and CPU time, TVM's; then the same again
            raise ValueError("late")

    tvm_ffi.register_global_func(name, fail, override=True)
    with pytest.raises(ValueError, match="late") as caught:
        vmprof.profile(compile_relax(calls_packed(name)), [FOUR], counters="none")
    assert caught.value.__notes__ == ["in a run of TVM's own VM, without profiling"]


def test_a_full_record_buffer() -> None:
    """One line, whatever functions it was in."""
    for engine in ("vmprof", "tvm"):
        with pytest.raises(VmprofError, match="--max-records") as caught:
            vmprof.profile(program("nested"), [FOUR], max_records=5, engine=engine)
        assert getattr(caught.value, "__notes__", []) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"counters": "cycle"}, "no event 'cycle'"),
        ({"repeats": 0}, "repeats is 0"),
        ({"max_records": 0}, "max_records is 0"),
        ({"entry": "predict"}, "has no function 'predict'"),
    ],
)
def test_mistakes_are_found_before_anything_is_compiled(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tvm, "compile", lambda *args, **kwargs: pytest.fail("compiled"))
    with pytest.raises(VmprofError, match=message):
        vmprof.profile("mlp", **options)


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_memory_is_that_of_the_timed_runs(engine: str) -> None:
    """Three storages of 16 bytes, the last of which is the result's."""
    report = vmprof.profile(program("nested"), [FOUR], engine=engine, repeats=3, counters="none")
    facts = report.configuration
    assert facts[PEAK_MEMORY] == Count(48)
    assert facts["Left at the end (bytes)"] == Count(16)
    live = facts[LIVE_MEMORY]
    assert isinstance(live, Samples)
    assert live.values[1::2] == (0, 16, 32, 48, 16)
