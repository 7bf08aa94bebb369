"""Counting on TVM's thread pool: kernels whose threads burn a known CPU time.

Figures are of task-clock, which an interrupted thread does not pay for: they hold
on a busy machine. What they tell is whose the work was.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tvm
from support.events import events
from support.kernel import FakeKernel
from support.parallel import MILLISECOND, burning, spinning, wait_for_idle_pools, with_pool
from support.traces import read_trace

import vmprof
from vmprof import Report, VmprofError
from vmprof.counters import Machine
from vmprof.counters.reading.group import Opener, Refused
from vmprof.counters.team import MORE_RINGS
from vmprof.native import ffi, lib
from vmprof.record.launches import recorded_launches
from vmprof.values import TASKS, WINDOW, Count, Duration, Percent, Ratio, Row, Samples

CLOCK = "perf::TASK-CLOCK"
# A hypervisor may take a processor away and say nothing: the clock goes on.
ROOM = 0.2


@pytest.fixture(scope="module", autouse=True)
def _perf() -> None:
    try:
        Opener(Machine()).open(events("task-clock")).close()
    except Refused as refused:
        pytest.skip(str(refused))


def profile(model: object, **options: object) -> Report:
    return vmprof.profile(model, counters="task-clock", repeats=3, **options)  # type: ignore[arg-type]


def row(report: Report, name: str) -> Row:
    (found,) = (call for call in report.calls if call["Name"] == name)
    return found


def milliseconds(cell: object) -> float:
    assert isinstance(cell, Count)
    return cell.value / MILLISECOND


def microseconds(cell: object) -> float:
    assert isinstance(cell, Duration)
    return cell.microseconds


def per_thread(call: Row) -> list[float]:
    samples = call[f"{CLOCK} per thread"]
    assert isinstance(samples, Samples)
    return [value / MILLISECOND for value in samples.values]


def as_file(executable: tvm.runtime.Executable, folder: Path) -> Path:
    path = folder / "burn.so"
    executable.export_library(str(path))
    return path


@pytest.mark.parametrize("in_memory", [True, False])
def test_work_is_the_operators_and_the_threads_that_did_it(in_memory: bool, tmp_path: Path) -> None:
    executable = burning(
        [6 * MILLISECOND, 18 * MILLISECOND],
        [5 * MILLISECOND],
        [8 * MILLISECOND, 4 * MILLISECOND],
    )
    model = executable if in_memory else as_file(executable, tmp_path)
    with spinning(2):
        report = with_pool(2, lambda: profile(model))
    assert milliseconds(row(report, "burn0")[CLOCK]) == pytest.approx(24, rel=ROOM)
    assert per_thread(row(report, "burn0")) == pytest.approx([6, 18], rel=ROOM)
    # The worker is idle now, and spins: that is nobody's work.
    assert milliseconds(row(report, "burn1")[CLOCK]) == pytest.approx(5, rel=ROOM)
    assert f"{CLOCK} per thread" not in row(report, "burn1")
    assert per_thread(row(report, "burn2")) == pytest.approx([8, 4], rel=ROOM)
    total = report.device_metrics["cpu0"][CLOCK]
    assert milliseconds(total) == pytest.approx(41, rel=ROOM)


def test_the_parts_of_threads_add_up() -> None:
    report = with_pool(2, lambda: profile(burning([MILLISECOND, 2 * MILLISECOND])))
    call = row(Report.from_json(report.json()), "burn0")
    assert call == row(report, "burn0")
    assert milliseconds(call[CLOCK]) == pytest.approx(sum(per_thread(call)))


def test_more_tasks_than_threads_share_them() -> None:
    """TVM gives one task to a thread at most; a pool of one does them all on the caller."""
    report = with_pool(1, lambda: profile(burning([2 * MILLISECOND, 4 * MILLISECOND])))
    assert per_thread(row(report, "burn0")) == pytest.approx([6], rel=ROOM)


def test_threads_that_profile_at_once_do_not_mix() -> None:
    model = burning([8 * MILLISECOND, 4 * MILLISECOND], [12 * MILLISECOND, 4 * MILLISECOND]).jit()
    with ThreadPoolExecutor(2) as executor:
        futures = [executor.submit(with_pool, 2, lambda: profile(model)) for _ in range(2)]
        reports = [future.result() for future in futures]
    for report in reports:
        assert per_thread(row(report, "burn0")) == pytest.approx([8, 4], rel=ROOM)
        assert per_thread(row(report, "burn1")) == pytest.approx([12, 4], rel=ROOM)


def test_a_task_that_fails_is_the_models_error() -> None:
    model = burning([MILLISECOND, MILLISECOND], [MILLISECOND, -1]).jit()
    with pytest.raises(Exception, match=r"Task 1 error: .*cannot burn that") as caught:
        with_pool(2, lambda: profile(model))
    assert "burn1" in "".join(caught.value.__notes__)
    # Nothing is left behind that the next one would trip over.
    report = with_pool(2, lambda: profile(burning([5 * MILLISECOND] * 2)))
    assert per_thread(row(report, "burn0")) == pytest.approx([5, 5], rel=ROOM)


def test_tasks_need_records_too() -> None:
    model = burning(*[[0, 0]] * 4)
    with pytest.raises(VmprofError, match=r"more calls and parallel tasks .* --max-records"):
        with_pool(2, lambda: profile(model, max_records=20))


def test_the_original_pointer_is_restored(tmp_path: Path) -> None:
    path = as_file(burning([0, 0]), tmp_path)
    library = tvm.runtime.load_module(str(path))
    assert library is not None
    launch = lib.vmprof_tvm_launch()
    slots = ffi.new("vmprof_launch_slot[]", 100)
    count = lib.vmprof_launch_slots(slots, 100)
    assert 0 < count <= 100

    def pointers() -> set[object]:
        return {slots[i].slot[0] for i in range(count)}

    assert pointers() == {launch}
    with recorded_launches() as problems, recorded_launches() as others:
        assert problems == others == []
        assert pointers() == {lib.vmprof_recorded_launch()}
    assert pointers() == {launch}
    with pytest.raises(ZeroDivisionError), recorded_launches():
        _ = 1 / 0
    assert pointers() == {launch}
    lib.vmprof_launch_slots_release(slots)


def test_libraries_that_are_loaded_meanwhile_have_tvms_function(tmp_path: Path) -> None:
    """Nothing but the modules' own pointers is touched, not where TVM takes them from."""
    module = burning([0, 0]).jit()
    tvm.runtime.vm.VirtualMachine(module, tvm.cpu())["main"]()
    path = as_file(burning([0, 0]), tmp_path)
    with recorded_launches():
        library = tvm.runtime.load_module(str(path))
        slots = ffi.new("vmprof_launch_slot[]", 100)
        count = lib.vmprof_launch_slots(slots, 100)
        pointers = [slots[i].slot[0] for i in range(count)]
        lib.vmprof_launch_slots_release(slots)
    assert pointers.count(lib.vmprof_tvm_launch()) == 1
    del library


def test_a_module_may_go_while_its_launches_are_recorded() -> None:
    modules = [burning([0, 0]).jit()]
    # TVM compiles in memory when the first function is asked for.
    machine = tvm.runtime.vm.VirtualMachine(modules[0], tvm.cpu())
    machine["main"]()
    with recorded_launches():
        modules.clear()
        del machine
        gc.collect()


def test_a_pointer_of_others_is_left_alone() -> None:
    other = ffi.cast("void *", 0x1234)
    slot = ffi.new("void **", other)
    assert not lib.vmprof_exchange(slot, lib.vmprof_tvm_launch(), lib.vmprof_recorded_launch())
    assert slot[0] == other


def test_more_descriptors_than_are_allowed() -> None:
    """Those of one thread open when they are tried, and those of all threads do not."""
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(60)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for thread in threads:
        thread.start()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
        report = vmprof.profile(
            burning([0]), repeats=1, counters="page-faults,task-clock", count="process"
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        over.set()
        for thread in threads:
            thread.join()
    reason = "too many open files; run: ulimit -n 4096"
    assert report.missing == dict.fromkeys(["perf::PAGE-FAULTS", "perf::TASK-CLOCK"], reason)
    assert all("Duration (us)" in call for call in report.calls)


def test_what_a_thread_cannot_count_is_absent(kernel: FakeKernel) -> None:
    """The caller's counters opened, a worker's did not: half a sum is not shown."""
    model = burning([0, 0])

    def run() -> Report:
        caller = threading.get_ident()
        kernel.refuse = lambda _: None if threading.get_ident() == caller else errno.EMFILE
        return vmprof.profile(model, counters="cycles,task-clock", repeats=2)

    report = with_pool(2, run)
    assert set(report.missing) == {"perf::CYCLES", CLOCK}
    assert report.missing["perf::CYCLES"] == (
        "perf::CYCLES could not be opened in a thread of TVM's pool: Too many open files; "
        "run: ulimit -n 4096"
    )
    assert all("perf::CYCLES" not in call for call in report.calls)


IN_POOL = "could not be opened in a thread of TVM's pool"


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (errno.EMFILE, f"cpu-clock {IN_POOL}: Too many open files; run: ulimit -n 4096"),
        (errno.EPERM, f"cpu-clock {IN_POOL}: Operation not permitted"),
        (
            None,
            f"the ring buffer of cpu-clock {IN_POOL}: Operation not permitted; {MORE_RINGS}",
        ),
    ],
)
def test_what_a_thread_cannot_sample_is_a_reason(
    kernel: FakeKernel, refused: int | None, reason: str
) -> None:
    """Samples of the caller alone would say that kernels run on one thread."""
    model = burning([0, 0])

    def run() -> Report:
        caller = threading.get_ident()
        if refused is None:
            most_ring = kernel.most_ring
            # Whoever asks next maps it.
            kernel.refuse = lambda _: setattr(
                kernel, "most_ring", most_ring if threading.get_ident() == caller else 0
            )
        else:
            kernel.refuse = lambda _: None if threading.get_ident() == caller else refused
        return vmprof.profile(model, counters="none", repeats=2, sample="cpu-clock")

    report = with_pool(2, run)
    assert report.samples is None
    assert report.missing == {"Samples": reason}
    assert not kernel.mapped


def test_workers_open_their_counters_once(kernel: FakeKernel) -> None:
    opened: list[int] = []
    model = burning([0, 0], [0, 0])

    def note(_: object) -> None:
        opened.append(threading.get_ident())

    def run() -> Report:
        kernel.refuse = note  # type: ignore[assignment]
        return vmprof.profile(model, counters="cycles,instructions", repeats=5)

    report = with_pool(2, run)
    workers = [thread for thread in opened if thread != opened[0]]
    assert len(workers) == 2  # two events, one thread
    assert "perf::CYCLES" in row(report, "burn0")


# ---- what the table shows ----------------------------------------------------------


def test_columns_say_how_threads_were_used() -> None:
    model = burning([4 * MILLISECOND, 12 * MILLISECOND], [5 * MILLISECOND])
    wait_for_idle_pools()
    report = with_pool(2, lambda: profile(model, threads=True))
    parallel, serial = row(report, "burn0"), row(report, "burn1")
    assert (parallel["Tasks"], serial["Tasks"]) == (Count(2), Count(0))
    assert (parallel["Threads"], serial["Threads"]) == (Ratio(pytest.approx(2)), Ratio(1.0))  # type: ignore[arg-type]
    assert microseconds(parallel["CPU time (us)"]) == pytest.approx(16_000, rel=ROOM)
    assert microseconds(serial["CPU time (us)"]) == pytest.approx(5_000, rel=ROOM)
    assert serial["Parallel efficiency"] == Percent(100.0)
    assert "Imbalance" not in serial
    # Wall times on a busy machine: what must hold for any.
    assert isinstance(parallel["Imbalance"], Ratio)
    assert 1 <= parallel["Imbalance"].ratio <= 2
    longest, mean = parallel["Longest tasks (us)"], parallel["Mean tasks (us)"]
    assert 12_000 <= microseconds(longest) <= microseconds(parallel["Duration (us)"])
    assert 8_000 <= microseconds(mean) <= microseconds(longest)
    assert microseconds(parallel["Work (us)"]) >= 16_000
    # Sums and merged rows are computed anew; the table has them all.
    assert "Parallel efficiency: work / thread_time" in report.table()
    assert report.device_metrics["cpu0"]["Tasks"] == Count(2)


def test_the_trace_has_the_tasks() -> None:
    report = with_pool(2, lambda: profile(burning([MILLISECOND, 2 * MILLISECOND])))
    call = row(report, "burn0")
    tasks, window = call[TASKS], call[WINDOW]
    assert isinstance(tasks, Samples)
    assert isinstance(window, Samples)
    by_thread = sorted(zip(*[iter(tasks.values)] * 3, strict=True))
    assert [thread for thread, _, _ in by_thread] == [0, 1]
    for (_, begin, end), burnt in zip(by_thread, (1_000, 2_000), strict=True):
        assert window.values[0] <= begin <= begin + burnt <= end <= window.values[1]
    ((launch, task),) = read_trace(report.trace()).flows
    assert (launch.name, task.name, task.track[1]) == ("burn0", "burn0", 2)
    assert launch.begin < task.begin < task.end < launch.end


def test_without_being_asked_the_table_says_nothing_of_threads() -> None:
    report = with_pool(2, lambda: profile(burning([0, 0])))
    assert not {"Tasks", "Threads", "CPU time (us)"} & row(report, "burn0").keys()


# ---- other scopes ------------------------------------------------------------------


def test_the_caller_alone(tmp_path: Path) -> None:
    """The workers' part is in no count, and the report says so."""
    model = as_file(burning([4 * MILLISECOND, 12 * MILLISECOND], [0]), tmp_path)
    report = with_pool(2, lambda: profile(model, count="caller"))
    assert milliseconds(row(report, "burn0")[CLOCK]) >= 4 * 0.98
    assert f"{CLOCK} per thread" not in row(report, "burn0")
    assert "of the calling thread alone" in str(report.configuration["Counters"])
    warning = str(report.configuration["Warning"])
    assert "burn0 above all, threads that were not counted spent" in warning


def test_counted_work_is_no_reason_to_warn() -> None:
    model = burning([4 * MILLISECOND, 12 * MILLISECOND], [5 * MILLISECOND])
    wait_for_idle_pools()
    report = with_pool(2, lambda: profile(model))
    assert "Warning" not in report.configuration


@pytest.mark.parametrize("count", ["inherit", "process"])
def test_threads_that_are_started_while_counting(count: str) -> None:
    """Idle or not: the pool is made by the profile, and its worker also spins for a while."""
    model = burning([4 * MILLISECOND, 12 * MILLISECOND], [5 * MILLISECOND])
    wait_for_idle_pools()
    with ThreadPoolExecutor(1) as executor:
        report = executor.submit(profile, model, count=count, num_threads=2).result()
    assert milliseconds(row(report, "burn0")[CLOCK]) >= 16 * 0.98
    assert milliseconds(row(report, "burn1")[CLOCK]) >= 5 * 0.98
    assert "Warning" not in report.configuration


def test_threads_that_were_there_before() -> None:
    model = burning([5 * MILLISECOND, 50 * MILLISECOND], [0])
    inherited = with_pool(2, lambda: profile(model, count="inherit"))
    assert "burn0 above all" in str(inherited.configuration["Warning"])
    whole = with_pool(2, lambda: profile(model, count="process"))
    assert milliseconds(row(whole, "burn0")[CLOCK]) >= 55 * 0.98


@pytest.mark.parametrize("milliseconds_each", [30, 2])
def test_threads_that_kernels_start_by_themselves_are_noticed(milliseconds_each: int) -> None:
    """They end within the call; also where each is too short for the clock of the process."""
    calls = 60 // milliseconds_each
    model = burning(*[[milliseconds_each * MILLISECOND]] * calls, elsewhere=True)
    wait_for_idle_pools()
    report = with_pool(1, lambda: profile(model, threads=True))
    warning = str(report.configuration["Warning"])
    assert "threads that were not counted spent" in warning
    assert "(OpenMP, BLAS), count it with --count inherit" in warning
    total = report.device_metrics["cpu0"]
    for claim in ("CPU time (us)", "CPUs used", "Threads", "Parallel efficiency", "Work (us)"):
        assert claim not in total
        assert claim not in row(report, "burn0")
    note = str(report.configuration["Threads do not tell"])
    assert "Work (us)" in note
    assert "nobody knows how many" in note


def test_counted_threads_of_others_are_not_said_to_be_one() -> None:
    """CPU time has them; how many they were, and how well they were used, is not known."""
    model = burning([40 * MILLISECOND], [5 * MILLISECOND], elsewhere=True)
    wait_for_idle_pools()
    report = with_pool(1, lambda: profile(model, threads=True, count="inherit"))
    assert "Warning" not in report.configuration
    call = row(report, "burn0")
    assert microseconds(call["CPU time (us)"]) >= 40_000 * 0.98
    assert not {"Threads", "Parallel efficiency", "Work (us)"} & call.keys()
    assert "Work (us), Thread time (us) of 2 calls and of Total" in str(
        report.configuration["Threads do not tell"]
    )


@pytest.mark.parametrize("count", ["tasks", "inherit", "caller"])
def test_tasks_are_told_whosever_work_is_counted(count: str) -> None:
    model = burning([4 * MILLISECOND, 12 * MILLISECOND])
    wait_for_idle_pools()
    report = with_pool(2, lambda: profile(model, threads=True, count=count))
    call = row(report, "burn0")
    assert (call["Tasks"], call["Threads"]) == (Count(2), Ratio(pytest.approx(2)))  # type: ignore[arg-type]


def test_in_a_single_pass_what_cannot_be_told_has_a_reason() -> None:
    model = burning([MILLISECOND])
    for count in ("tasks", "inherit"):
        report = profile(model, threads=True, single_pass=True, count=count)
        assert "which --single-pass does without" in report.missing["CPU time (us)"]
        assert ("Threads" in report.missing) == (count == "inherit")
        assert ("Threads" in row(report, "burn0")) == (count == "tasks")


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_cpus_used_are_of_the_time_of_the_same_run(engine: str) -> None:
    """Calls on one thread, most of them no longer than a reading."""
    model = burning(*[[0]] * 20, [20 * MILLISECOND])
    wait_for_idle_pools()
    report = with_pool(1, lambda: profile(model, threads=True, engine=engine))
    for cells in (report.device_metrics["cpu0"], row(report, "burn20")):
        used = cells["CPUs used"]
        assert isinstance(used, Ratio)
        assert 0 < used.ratio <= 1.001
    assert microseconds(row(report, "burn20")["CPU time (us)"]) == pytest.approx(20_000, rel=0.02)
    assert microseconds(report.configuration["Reading CPU time (us)"]) > 0


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(VmprofError, match="there are: tasks, inherit, process, caller"):
        profile(burning([0]), count="all")
