"""CPU time: what reading it costs, of which calls it is told, and whose work is missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmprof.counters import Machine
from vmprof.counters.reading.cpu import open_cpu_clocks
from vmprof.counters.reading.group import Opener
from vmprof.native import empty
from vmprof.record.recorder import Reading, Recorder
from vmprof.report.cpu_time import BESIDE, CPU_TIME, cpu_cells
from vmprof.report.threads import without_claims
from vmprof.report.unseen import Watched, uncounted_work
from vmprof.runs.layout import CALLER, COUNTED, PROCESS, TEAM, THREADS, ReadingCost
from vmprof.runs.reading_cost import Spent
from vmprof.runs.run import Counts, Run
from vmprof.runs.work import ACTIVATION_SITE, LAUNCH_SITE, RUN_SITE, TASK_SITE
from vmprof.values import Count, Duration, Samples
from vmprof.vm import Site

COST = ReadingCost(inside=300, whole=500)
CALL = 0


def test_each_window_holds_the_readings_inside_it() -> None:
    dtype = np.dtype([("site", np.int32), ("signature", np.int64), ("parent", np.int64)])
    rows = [
        (RUN_SITE, 7, -1),
        (CALL, 0, 0),
        (ACTIVATION_SITE, 0, 1),
        (CALL, 0, 2),
        (LAUNCH_SITE, 7, 3),
        (TASK_SITE, 7, 4),  # the calling thread's own, which is not read
        (TASK_SITE, 9, 4),
        (LAUNCH_SITE, 9, 6),  # of the worker: its readings are on another thread
        (CALL, 0, 0),
    ]
    spent = Spent.of_records(np.array(rows, dtype), COST)
    readings = [5, 3, 2, 1, 0, 0, 1, 0, 0]
    assert spent.time.tolist() == [500 * count for count in readings]
    inside = [300, 300, 300, 300, 300, 0, 300, 300, 300]
    assert (spent.cpu - spent.time).tolist() == inside


def test_what_reading_costs_is_measured_and_taken_off() -> None:
    """Of calls that do nothing next to nothing is left, in CPU time; the sum is of all of them.

    On a busy machine reading may take longer in the run than when it was measured, and an
    interruption may fall between a reading of CPU time and the clock beside it: then more is
    left, so that one try of several is enough.
    """
    tries = (cpu_time_of_empty_calls() for _ in range(20))
    assert any(
        abs(median) < reading and total <= total_ns + 2 * reading
        for median, reading, total, total_ns in tries
    )


def cpu_time_of_empty_calls() -> tuple[int, int, int, int]:
    """The median of a call, what two readings take, CPU time and time of the run; in ns."""
    with open_cpu_clocks(Opener(Machine()), tasks=True) as clocks:
        assert clocks is not None
        assert clocks.counted == TEAM
        cost = clocks.time.layout.cost
        assert cost is not None
        assert 0 < cost.inside < cost.whole
        recorder = Recorder(clocks.time.layout.sample_words, 1100)
        function = recorder.wrap(Site(0, "main", 0, "f"), empty)
        reading = Reading.TIME | Reading.COUNTERS

        def calls() -> None:
            for _ in range(1000):
                function()

        recorder.run(calls, reading, clocks.time)
        recording = recorder.recording(reading, clocks.time)
    assert recording.counts is not None
    assert recording.total_ns is not None
    median, total = int(np.median(recording.counts.values)), int(recording.counts.total[0])
    return median, cost.whole, total, recording.total_ns


def run(calls: Sequence[tuple[int, int]], total: tuple[int, int]) -> Run:
    """Of (time, CPU time) in nanoseconds; no call lies in another."""
    times, cpu = np.array(calls).T
    return Run(
        sites=np.arange(len(calls)),
        shapes=("",) * len(calls),
        parents=np.full(len(calls), -1),
        paths=("main",) * len(calls),
        windows_ns=None,
        durations_ns=times,
        total_ns=total[0],
        counts=Counts(cpu[:, None], np.array(total[1:])),
        fault=None,
    )


def test_what_is_too_short_for_a_reading_has_no_cpu_time() -> None:
    """f is called twice, once for long; g and h are short, h together with a long one."""
    runs = [run([(9000, 9100), (200, 90), (100, -50), (700, 500), (1900, 1800)], (20_000, 19_000))]
    groups = ["f", "f", "g", "h", "h"]
    total, *calls = cpu_cells(runs, groups, COST)
    assert [CPU_TIME in cells for cells in calls] == [True, True, False, True, True]
    assert (total[CPU_TIME], total[BESIDE]) == (Duration(19.0), Duration(20.0))
    assert calls[0][f"{CPU_TIME} samples"] == Samples((9.1,))
    assert calls[1][CPU_TIME] == Duration(0.09)
    short = [run([(100, 90)] * 5, (4999, 4999))]
    assert cpu_cells(short, groups, COST) == [{}] * 6


def test_cpu_time_that_is_taken_off_leaves_no_less_than_nothing() -> None:
    (_, call) = cpu_cells([run([(5000, -20)], (9000, 100))], ["f"], COST)
    assert call[CPU_TIME] == Duration(0.0)


# ---- work of others ------------------------------------------------------------------

MS = 1_000_000
COLUMNS = (CALLER, TEAM, THREADS, PROCESS)


def watched(*runs: Sequence[Sequence[int]], counted: str = TEAM) -> Watched:
    """Runs of rows of milliseconds, by column; the first row is the run as a whole."""
    counts = [
        Counts(np.array(rows[1:]) * MS, np.array(rows[0]) * MS)  # calls, then the run
        for rows in runs
    ]
    columns = (*COLUMNS, COUNTED) if counted == COUNTED else COLUMNS
    return Watched(columns, counts, counted, tick_ns=4 * MS)


def test_threads_that_came_and_went_are_noticed() -> None:
    seen = watched([(5, 5, 5, 255), (1, 1, 1, 251), (4, 4, 4, 4)])
    others = seen.others(TEAM)
    assert others.calls.tolist() == [True, False]
    assert others.run
    assert uncounted_work(seen, ["a", "b"])["Warning"] == (
        "in 1 of 2 calls, a above all, threads that were not counted spent 250,000 us of CPU "
        "time; if that was work for the model (OpenMP, BLAS), count it with --count inherit or "
        "--count process"
    )


def test_what_each_call_hides_the_run_shows() -> None:
    """The clock of the process may lag by a tick where other threads run."""
    rows = [(1, 1, 1, 4)] * 100
    seen = watched([(100, 100, 101, 400), *rows])
    others = seen.others(TEAM)
    assert not others.calls.any()
    assert others.run
    assert str(uncounted_work(seen, ["f"] * 100)["Warning"]).startswith(
        "in the run as a whole, threads that were not counted spent 2"
    )


def test_a_lagging_clock_is_no_reason_to_warn() -> None:
    """Workers of the team spin: that is known; the clock of the process is of the last tick."""
    seen = watched([(10, 20, 20, 22), (5, 10, 10, 12)])
    assert not seen.others(TEAM)
    assert uncounted_work(seen, ["f"]) == {}


def test_one_run_without_others_is_enough() -> None:
    noisy, quiet = [(5, 5, 9, 9), (5, 5, 9, 9)], [(5, 5, 5, 5), (5, 5, 5, 5)]
    assert not watched(noisy, quiet).others(TEAM)
    assert watched(noisy, noisy).others(TEAM)


def test_counted_by_perf_is_compared_with_more_room() -> None:
    by_perf = watched([(5, 5, 90, 90, 85), (5, 5, 90, 90, 85)], counted=COUNTED)
    assert not by_perf.others(COUNTED)
    assert by_perf.others(TEAM)


def test_what_is_not_seen_is_not_claimed() -> None:
    """Of a call in which others worked, of all of its operator, and of the run."""
    rows = [{"Work (us)": Duration(1.0), CPU_TIME: Duration(2.0), "Tasks": Count(2)}] * 4
    groups = ["f", "f", "g"]
    run, call, idle = (9, 9, 9, 259), (1, 1, 1, 251), (4, 4, 4, 4)
    kept, notes = without_claims(rows, watched([run, call, idle, idle]), groups)
    assert [[*row] for row in kept] == [["Tasks"]] * 3 + [[*rows[0]]]
    assert notes["Threads do not tell"] == (
        f"Work (us), {CPU_TIME} of 2 calls and of Total: threads worked there that do no tasks "
        "of TVM's, nobody knows how many"
    )
    # Nobody knows in which of the calls.
    kept, _ = without_claims(rows, watched([run, idle, idle, idle]), groups)
    assert [[*row] for row in kept] == [["Tasks"]] * 4
    # What is counted is told, how many threads did it is not.
    counted = watched([(*run, 259), (*call, 251), (*idle, 4), (*idle, 4)], counted=COUNTED)
    kept, notes = without_claims(rows, counted, groups)
    assert [[*row] for row in kept] == [[CPU_TIME, "Tasks"]] * 3 + [[*rows[0]]]
    assert without_claims(rows, watched([idle] * 4), groups) == (rows, {})
