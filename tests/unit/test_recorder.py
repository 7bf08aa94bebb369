"""The native recorder: real packed functions, a kernel that tests play."""

from __future__ import annotations

import errno
import gc
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.events import events
from support.kernel import FakeKernel

from vmprof import VmprofError
from vmprof.counters import Machine, Pass
from vmprof.counters.reading.group import Opener, Refused
from vmprof.native import empty, ffi, lib, owned, wrap
from vmprof.record.recorder import Reading, Recorder
from vmprof.vm import Site


def site(number: int) -> Site:
    return Site(number, "main", number, f"kernel{number}")


def tensor(*shape: int, dtype: str = "float32") -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.zeros(shape, dtype))


def repeated(times: int, function: Callable[..., object], *arguments: object) -> Callable[[], None]:
    """A run of so many calls."""

    def run() -> None:
        for _ in range(times):
            function(*arguments)

    return run


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(0, max_records=100)


@contextmanager
def counting(names: str) -> Iterator[tuple[Recorder, Pass]]:
    """A recorder, and one pass that counts ``names``, opened without further ado."""
    with Opener(Machine()).open(events(names)) as group:
        counted = Pass(group.layout, tuple(group.sources), "")
        yield Recorder(group.layout.sample_words, 10), counted
        counted.team.close()


def test_records_every_call_in_order(recorder: Recorder) -> None:
    first, second = recorder.wrap(site(4), empty), recorder.wrap(site(2), empty)

    def work() -> None:
        for function in (first, second, first):
            function()

    recorder.run(work, Reading.TIME)
    recording = recorder.recording(Reading.TIME)
    assert recording.sites.tolist() == [4, 2, 4]
    assert recording.durations_ns is not None
    assert recording.total_ns is not None
    assert (recording.durations_ns >= 0).all()
    assert 0 < recording.durations_ns.sum() < recording.total_ns


def test_durations_are_the_kernels(recorder: Recorder) -> None:
    """A kernel that waits for the clock to advance takes at least that long, and no other."""

    def wait() -> None:
        end = lib.vmprof_clock_ns() + 2_000_000
        while lib.vmprof_clock_ns() < end:
            pass

    slow, fast = recorder.wrap(site(0), tvm_ffi.convert(wait)), recorder.wrap(site(1), empty)

    def work() -> None:
        slow()
        fast()

    recorder.run(work, Reading.TIME)
    durations = recorder.recording(Reading.TIME).durations_ns
    assert durations is not None
    assert durations[0] >= 2_000_000


def test_shapes_change_between_calls(recorder: Recorder) -> None:
    function = recorder.wrap(site(0), empty)
    calls: list[tuple[object, ...]] = [
        (tensor(1, 2), 7, tensor(3, dtype="int8")),
        (tensor(1, 2), 8, tensor(3, dtype="int8")),
        (tensor(1, 3), 7, tensor(3, dtype="int8")),
        (tensor(),),
        (),
        (None, "text", 1.5),
        (tensor(0, 4),),
        (tensor(1, 2), 7, tensor(3, dtype="int8")),
    ]

    def work() -> None:
        for call in calls:
            function(*call)

    recorder.run(work, Reading.TIME)
    assert recorder.recording(Reading.TIME).shapes == (
        "float32[1, 2], int8[3]",
        "float32[1, 2], int8[3]",
        "float32[1, 3], int8[3]",
        "float32[]",
        "",
        "",
        "float32[0, 4]",
        "float32[1, 2], int8[3]",
    )


def test_calls_inside_calls_name_their_parent(recorder: Recorder) -> None:
    inner = recorder.wrap(site(1), empty)

    def fails() -> None:
        inner()
        raise ValueError

    failing = recorder.wrap(site(2), tvm_ffi.convert(fails))

    def call() -> None:
        inner()
        with suppress(ValueError):
            failing()
        inner()

    outer = recorder.wrap(site(0), tvm_ffi.convert(call))

    def work() -> None:
        outer()
        inner()

    recorder.run(work, Reading.TIME)
    recording = recorder.recording(Reading.TIME)
    assert recording.sites.tolist() == [0, 1, 2, 1, 1, 1]
    assert recording.parents.tolist() == [-1, 0, 0, 2, 0, -1]


def test_results_pass_through(recorder: Recorder) -> None:
    swap = recorder.wrap(site(0), tvm_ffi.convert(lambda a, b: (b, a)))
    value = tensor(2)
    results = [swap(1, value)]
    recorder.run(lambda: results.append(swap(1, value)), Reading.TIME)
    for result in results:
        assert result[1] == 1
        assert result[0].same_as(value)


def test_outside_of_a_run_nothing_is_recorded(recorder: Recorder) -> None:
    function = recorder.wrap(site(0), empty)
    recorder.run(function, Reading.TIME)
    function()
    assert recorder.recording(Reading.TIME).sites.tolist() == [0]


def test_each_run_begins_anew(recorder: Recorder) -> None:
    function = recorder.wrap(site(0), empty)
    for calls, shape in ((3, (5,)), (1, (6,)), (2, (5,))):
        recorder.run(repeated(calls, function, tensor(*shape)), Reading.TIME)
        assert recorder.recording(Reading.TIME).shapes == (f"float32[{shape[0]}]",) * calls


def test_a_full_buffer_says_so_and_loses_nothing() -> None:
    recorder = Recorder(0, max_records=3)
    function = recorder.wrap(site(0), empty)
    recorder.run(repeated(3, function), Reading.TIME)
    assert recorder.recording(Reading.TIME).sites.tolist() == [0, 0, 0]
    with pytest.raises(
        VmprofError,
        match=r"more calls and parallel tasks than the record buffer holds.*--max-records",
    ):
        recorder.run(repeated(4, function), Reading.TIME)


def test_too_many_values_in_a_sample_are_no_matter_of_records() -> None:
    with pytest.raises(VmprofError, match=r"4,097 words, .* holds 4,096; .* --counters, .* tasks"):
        Recorder(4097, 1)
    Recorder(4096, 1)


def test_signatures_are_bounded_too() -> None:
    """A tensor of rank 12 in each call, all different, fills the room for shapes first."""
    recorder = Recorder(0, max_records=10)
    function = recorder.wrap(site(0), empty)
    wide = [[tensor(*[1] * 11, extent) for _ in range(5)] for extent in range(1, 11)]

    def work() -> None:
        for arguments in wide:
            function(*arguments)

    with pytest.raises(VmprofError, match="--max-records"):
        recorder.run(work, Reading.TIME)


@pytest.mark.parametrize("number", [0, -1, (1 << 40) + 1, 1 << 80])
def test_impossible_sizes_are_refused(number: int) -> None:
    with pytest.raises(VmprofError, match="max_records is"):
        Recorder(0, number)


def test_more_than_the_address_space_is_refused() -> None:
    with pytest.raises(VmprofError, match=r"no memory for .* records: .*; ask for fewer"):
        Recorder(0, 1 << 40)
    for size in (0, -1, 1 << 62):
        assert lib.vmprof_recorder_new(size, 0) == ffi.NULL


def test_a_wrapped_kernel_outlives_its_recorder() -> None:
    recorder = Recorder(0, max_records=10)
    function = recorder.wrap(site(0), empty)
    del recorder
    gc.collect()
    function()


def test_wrap_takes_what_it_says() -> None:
    with pytest.raises(TypeError, match=r"vmprof\.wrap takes"):
        wrap(1, 2, 3)


# ---- counters ------------------------------------------------------------------


def test_counts_are_differences_of_the_two_reads(kernel: FakeKernel) -> None:
    # run begins, two calls with two reads each, run ends
    kernel.readings = iter((time, time, [10 * time, 7]) for time in (100, 200, 210, 300, 340, 400))
    with counting("cycles,instructions") as (recorder, counted):
        function = recorder.wrap(site(0), empty)
        recorder.run(repeated(2, function), Reading.COUNTERS, counted)
        recording = recorder.recording(Reading.COUNTERS, counted)
    assert recording.durations_ns is None
    assert recording.counts is not None
    assert recording.counts.values.tolist() == [[100, 0], [400, 0]]
    assert recording.counts.total.tolist() == [3000, 0]
    assert recording.fault is None
    assert [control for _, control in kernel.controls] == ["enable", "disable"]


def test_a_pass_for_time_reads_no_counter(kernel: FakeKernel) -> None:
    with counting("cycles") as (recorder, _):
        function = recorder.wrap(site(0), empty)
        recorder.run(function, Reading.TIME)
    assert kernel.reads == 0
    assert kernel.controls == []


def test_a_pass_for_counters_reads_twice_per_call(kernel: FakeKernel) -> None:
    with counting("cycles") as (recorder, counted):
        function = recorder.wrap(site(0), empty)
        recorder.run(repeated(5, function), Reading.COUNTERS, counted)
    assert kernel.reads == 2 * (1 + 5)


@pytest.mark.parametrize("broken", [errno.EIO, b"", b"\1\0\0\0\0\0\0\0"])
def test_a_read_that_fails_leaves_counts_absent(kernel: FakeKernel, broken: int | bytes) -> None:
    good = [(t, t, [t]) for t in range(4)]
    kernel.readings = iter([*good[:2], broken, good[3]])
    reading = Reading.TIME | Reading.COUNTERS
    with counting("cycles") as (recorder, counted):
        function = recorder.wrap(site(0), empty)
        recorder.run(function, reading, counted)
        recording = recorder.recording(reading, counted)
    assert recording.counts is None
    assert recording.fault is not None
    assert recording.fault.startswith("a reading of the counters failed during the run")
    assert recording.durations_ns is not None


def test_a_kernel_that_raises_leaves_counters_disabled(kernel: FakeKernel) -> None:
    def fail() -> None:
        raise ValueError("the kernel's own words")

    with counting("cycles") as (recorder, counted):
        function = recorder.wrap(site(0), tvm_ffi.convert(fail))
        with pytest.raises(ValueError, match="the kernel's own words"):
            recorder.run(function, Reading.COUNTERS, counted)
        assert [control for _, control in kernel.controls] == ["enable", "disable"]
        # The recorder is fit for the next run.
        recorder.run(recorder.wrap(site(1), empty), Reading.COUNTERS, counted)
        assert recorder.recording(Reading.COUNTERS, counted).sites.tolist() == [1]


def test_an_interrupt_leaves_nothing_recording(kernel: FakeKernel) -> None:
    """What is called afterwards is not recorded, by a recorder that may be gone."""
    with counting("cycles") as (recorder, counted):
        function = recorder.wrap(site(0), empty)

        def run() -> None:
            function()
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            recorder.run(run, Reading.COUNTERS, counted)
        reads = kernel.reads
        function()
        assert kernel.reads == reads
        assert [control for _, control in kernel.controls] == ["enable", "disable"]


def test_ending_what_does_not_run_does_nothing() -> None:
    """Neither of a recorder that never ran, nor of one while another runs."""
    running, idle = Recorder(0, max_records=10), Recorder(0, max_records=10)
    function = running.wrap(site(3), empty)

    def run() -> None:
        assert lib.vmprof_run_end(idle._pointer, 0) == 0
        function()

    running.run(run, Reading.TIME)
    assert lib.vmprof_run_end(running._pointer, 0) == 0
    function()
    assert running.recording(Reading.TIME).sites.tolist() == [3]


def test_passes_of_different_width_share_a_recorder(kernel: FakeKernel) -> None:
    with (
        Opener(Machine()).open(events("cycles,instructions")) as wide,
        Opener(Machine()).open(events("branches")) as narrow,
    ):
        recorder = Recorder(wide.layout.sample_words, 10)
        function = recorder.wrap(site(0), empty)
        for group, expected in ((wide, [4e6, 2e6]), (narrow, [1e6]), (wide, [4e6, 2e6])):
            counted = Pass(group.layout, tuple(group.sources), "")
            recorder.run(function, Reading.COUNTERS, counted)
            recording = recorder.recording(Reading.COUNTERS, counted)
            assert recording.counts is not None
            assert recording.counts.values.tolist() == [expected]


def test_page_faults_of_this_machine() -> None:
    """Real counters: a kernel that touches new pages, and one that touches none."""
    size = 512
    page = os.sysconf("SC_PAGESIZE")

    def touch() -> None:
        with mmap.mmap(-1, size * page, flags=mmap.MAP_PRIVATE) as memory:
            memory.madvise(mmap.MADV_NOHUGEPAGE)
            for at in range(0, size * page, page):
                memory[at] = 1

    try:
        with counting("page-faults") as (recorder, counted):
            toucher = recorder.wrap(site(0), tvm_ffi.convert(touch))
            idle = recorder.wrap(site(1), empty)
            toucher()

            def work() -> None:
                toucher()
                idle()

            recorder.run(work, Reading.COUNTERS, counted)
            counts = recorder.recording(Reading.COUNTERS, counted).counts
    except Refused as refused:
        pytest.skip(str(refused))
    assert counts is not None
    assert size <= counts.values[0, 0] < size + 50
    assert counts.values[1, 0] == 0


@pytest.mark.parametrize(
    "release",
    [
        "source_close",
        "team_release",
        "recorder_give_up",
        "session_release",
        "caller_release",
        "code_release",
    ],
)
def test_nothing_is_released_of_what_could_not_be_made(release: str) -> None:
    """As memory may be short."""
    nothing = owned(getattr(lib, f"vmprof_{release}"), lambda: ffi.NULL)
    assert nothing == ffi.NULL
    ffi.release(nothing)
