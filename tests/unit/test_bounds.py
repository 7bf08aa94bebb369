"""What bounds an operator: rules on made-up figures, where every word has one reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.report.aggregate import merge_calls
from vmprof.report.bounds import bounds, explain
from vmprof.report.kernel_metrics import with_rates
from vmprof.report.model import Report
from vmprof.report.needs import TOLERANCE
from vmprof.report.peaks import is_above_roof, with_peaks
from vmprof.report.roofline import roofline
from vmprof.report.roofs import LAUNCH, MEASURED, Level, Roofs
from vmprof.values import BYTES, FLOPS, TASKS, Count, Duration, Metric, Percent, Row, Samples

MIB = 1 << 20
ROOFS = Roofs(
    100.0,
    (
        Level("L1", 400.0, 32 << 10),
        Level("L2", 100.0, MIB),
        Level("L3", 40.0, 16 * MIB),
        Level("memory", 10.0, math.inf),
    ),
)
ONE_THREAD = Roofs(50.0, (Level("memory", 8.0, math.inf),))
SETTINGS: dict[str, Metric] = {
    **ROOFS.settings(),
    LAUNCH: Duration(2.0),
    MEASURED: "2026-11-27T04:29:00+00:00",
}


def call(
    name: str, us: float, flops: int | None = None, shapes: str = "", **columns: Metric
) -> dict[str, Metric]:
    """With the bytes of the tensors of float32 in ``shapes``."""
    row: dict[str, Metric] = {
        "Name": name,
        "Duration (us)": Duration(us),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": shapes,
    }
    if flops is not None:
        sizes = [int(each[len("float32[") : -1]) for each in shapes.split(", ") if each]
        row |= {FLOPS: Count(flops), BYTES: Count(4 * sum(sizes))}
    return {**row, **columns}


def floats(*counts: int) -> str:
    return ", ".join(f"float32[{count}]" for count in counts)


def report(*calls: Row, threads: int = 1, **settings: Metric) -> Report:
    total: dict[str, Row] = {"cpu0": {"Name": "Total", "Duration (us)": Duration(1e6)}}
    facts: dict[str, Metric] = {
        "Number of threads": Count(threads),
        "Empty call (us)": Duration(0.5),
        **settings,
    }
    return with_rates(Report(calls, total, facts))


def judged(*calls: Row, threads: int = 1, more: Row | None = None, **settings: Metric) -> Report:
    return with_peaks(report(*calls, threads=threads, **settings), {**SETTINGS, **(more or {})})


def words(found: Report) -> dict[str, str]:
    return {str(row["Name"]): str(row["Bound"]) for row in found.calls}


def why(found: Report, number: int = 0) -> str:
    return "\n".join(explain(found, found.calls[number]))


def test_operations_that_need_half_of_the_time_bound_it() -> None:
    found = judged(call("conv", 1500.0, 100_000_000, floats(256, 256, 256)))
    assert words(found) == {"conv": "compute"}
    assert found.calls[0]["% of peak GFLOP/s"] == Percent(pytest.approx(66.67, abs=0.01))
    assert "its operations need 66.7 % of its time at the machine's peak" in why(found)
    slow = judged(call("conv", 2001.0, 100_000_000, floats(256, 256, 256)))
    assert words(slow) == {"conv": "unknown"}
    assert "its operations (50.0 %)" in why(slow)


def test_noise_is_no_bound() -> None:
    """The fastest of three repeats needs 83 % of its time, the mean 33 %."""
    repeats = Samples((1200.0, 3000.0, 4800.0))
    row = call("conv", 3000.0, 100_000_000, floats(9), **{"Duration (us) samples": repeats})
    found = judged(row, row)
    assert words(found) == {"conv": "compute"}
    assert found.calls[0]["% of peak GFLOP/s"] == Percent(pytest.approx(33.33, abs=0.01))
    assert "time: 1.20 ms a call, 2 calls, in the fastest repeat; the mean is 3.00 ms" in why(found)


def test_invocations_that_differ_are_no_repeats() -> None:
    """Of a recording: the fastest invocation may have done less than the mean one."""
    repeats = {"Duration (us) samples": Samples((1200.0, 3000.0, 4800.0))}
    recorded = {"Invocations": Count(3)}
    alike = call("conv", 3000.0, 100_000_000, floats(9), **repeats)
    for row in (
        {**alike, "Argument Shapes": "float32[1..9]"},
        {**alike, "Calls per invocation": "1..3"},
    ):
        found = judged(row, **recorded)
        assert words(found) == {"conv": "unknown"}
        assert "time: 3.00 ms\n" in why(found)
    assert words(judged(alike, **recorded)) == {"conv": "compute"}
    never = judged({**alike, "Count": Count(0), "Calls per invocation": "0..1"}, **recorded)
    assert why(never) == "unknown: most invocations do not call it: there is no mean call"


def test_rows_of_invocations_are_in_no_order() -> None:
    """Rows of a recording are sorted by time: what was touched in between is not known."""
    rows = [call(f"dense_{n}", 125.0, 2, floats(64, MIB + n, 32)) for n in range(2)]
    assert "reuse: " in why(judged(*rows))
    assert "reuse: " not in why(judged(*rows, Invocations=Count(9)))


def test_weights_come_from_where_a_run_leaves_them() -> None:
    """8 MiB of weights a run: more than L2 holds, less than L3, whatever a kernel's own size."""
    weights = [call(f"dense_{n}", 125.0, 2, floats(64, MIB + n, 32)) for n in range(2)]
    small = call("last", 3.5, 2, floats(32, 16 << 10, 99))
    found = judged(*weights, small)
    # 4 MiB at 40 GB/s need 105 us; 64 KiB need 1.6 us.
    assert words(found) == {"dense_0": "L3", "dense_1": "L3", "last": "unknown"}
    assert words(judged(*weights, {**small, "Duration (us)": Duration(3.0)}))["last"] == "L3"
    # Faster than memory gives, and no error: that roof is not theirs.
    assert not is_above_roof(found)
    assert found.calls[0]["% of peak GB/s"] == Percent(pytest.approx(83.9, abs=0.1))
    assert "4.19 M bytes from L3 at 40.0 GB/s" in why(found)


def test_what_was_just_made_is_as_near_as_it_fits() -> None:
    """The second reads what the first wrote: 400 kB that may still be in L2."""
    first = call("weights", 4e4, 2, floats(64 * MIB, 50_000))
    second = call("relu", 4.1, 2, floats(50_000, 50_001))
    found = judged(first, second)
    assert words(found) == {"weights": "memory", "relu": "L2"}
    assert "from L2 at 100 GB/s need 97.6 % of its time" in why(found, 1)


def test_data_that_may_be_near_or_far_bound_nothing() -> None:
    first = call("weights", 4e4, 2, floats(64 * MIB, 50_000))
    second = call("relu", 50.0, 2, floats(50_000, 50_001))
    found = judged(first, second)
    assert words(found)["relu"] == "unknown"
    text = why(found, 1)
    assert "8.00 % of its time if they are as near as they can be, and 80.0 % if all" in text
    assert "come from memory" in text


def test_memory_is_not_the_roof_of_what_is_faster() -> None:
    """20 GB/s is more than memory gives: at worst it came from L3."""
    first = call("weights", 4e4, 2, floats(64 * MIB, 50_000))
    found = judged(first, call("relu", 20.0, 2, floats(50_000, 50_001)))
    assert "all from L3, 50.0 %" in why(found, 1)


def test_cold_runs_and_unknown_calls_leave_data_anywhere() -> None:
    relu = call("relu", 50.0, 2, floats(50_000, 50_001))
    assert "at most) nor" in why(judged(relu))
    cold = judged(relu, **{"Measured runs": "cold, each after ..."})
    assert "80.0 % if all come from memory" in why(cold)
    stranger = judged(relu, call("stranger", 50.0, None, floats(7)))
    assert "80.0 % if all come from memory" in why(stranger)
    assert words(stranger)["stranger"] == "unknown"
    assert "its operations and bytes are not known" in why(stranger, 1)
    builtin = judged(relu, call("vm.builtin.alloc_tensor", 50.0))
    assert "at most) nor" in why(builtin)


def test_starting_bounds_what_is_short() -> None:
    alone = call("tiny", 0.9, 2, floats(8, 8))
    assert words(judged(alone)) == {"tiny": "launch"}
    launched = {**call("tiny", 4.9, 2, floats(8, 8)), TASKS: Samples((0.0, 1.0, 2.0))}
    found = judged(launched)
    assert words(found) == {"tiny": "launch"}
    assert "handing work to the threads 2.00 us" in why(found)
    assert words(judged({**launched, "Duration (us)": Duration(5.1)})) == {"tiny": "unknown"}


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({"CYCLES": 1000, "STALLED-CYCLES-BACKEND": 510}, "latency"),
        ({"CYCLES": 1000, "STALLED-CYCLES-BACKEND": 490}, "unknown"),
        ({"CYCLES": 1000, "INSTRUCTIONS": 900}, "latency"),
        ({"CYCLES": 1000, "INSTRUCTIONS": 1500}, "unknown"),
        ({"CYCLES": 1000, "INSTRUCTIONS": 2100}, "compute"),
        # 16,000 times 64 bytes at 10 GB/s: 102 of 200 us.
        ({"CYCLES": 1000, "INSTRUCTIONS": 2100, "CACHE-MISSES": 16_000}, "memory"),
        ({"CYCLES": 1000, "INSTRUCTIONS": 900, "CACHE-MISSES": 15_000}, "latency"),
    ],
)
def test_counters_tell_where_the_peaks_do_not(counts: dict[str, int], word: str) -> None:
    columns: dict[str, Metric] = {f"perf::{name}": Count(n) for name, n in counts.items()}
    slow = call("gather", 200.0, 1000, floats(256, 256), **columns)
    assert words(judged(slow)) == {"gather": word}


def test_counters_do_not_overrule_the_peaks() -> None:
    columns: dict[str, Metric] = {
        "perf::CYCLES": Count(1000),
        "perf::INSTRUCTIONS": Count(100),
    }
    found = judged(call("conv", 1500.0, 100_000_000, floats(256, 256), **columns))
    assert words(found) == {"conv": "compute"}
    assert "IPC: 0.100" in why(found)


def test_a_point_above_the_roof_says_so_of_the_roof() -> None:
    fast, slow = (call(n, us, 100_000_000, floats(9)) for n, us in (("fast", 500), ("slow", 1500)))
    found = judged(fast, slow)
    told = (
        "the roof is too low: measured 100 GFLOP/s (2026-11-27T04:29:00+00:00), fast attained 200; "
        "measure again with vmprof peaks"
    )
    assert words(found) == {"fast": "unknown", "slow": "compute"}
    assert found.missing["% of peak GFLOP/s"] == told
    assert found.configuration["Roof too low, GFLOP/s"] == told
    assert is_above_roof(found)
    assert not any("% of peak GFLOP/s" in row for row in found.calls)
    assert "% of peak GFLOP/s" not in {each.column for each in found.derived}
    fast_point, slow_point = sorted(roofline(found).points, key=lambda point: point.name)
    assert (fast_point.attained, fast_point.error) == (None, told)
    assert slow_point.attained == pytest.approx(2 / 3)
    # A higher roof takes its place, with nothing left of the error.
    higher = with_peaks(found, {**SETTINGS, **Roofs(210.0, ROOFS.levels).settings()})
    assert not is_above_roof(higher)
    assert "% of peak GFLOP/s" not in higher.missing
    assert higher.calls[0]["% of peak GFLOP/s"] == Percent(pytest.approx(95.24, abs=0.01))


def test_data_faster_than_the_nearest_cache_say_so_of_its_roof() -> None:
    found = judged(call("copy", 1.5, 2, floats(500, 50_000)), call("other", 100.0, 2, floats(9, 9)))
    assert words(found) == {"copy": "unknown", "other": "unknown"}
    assert str(found.configuration["Roof too low, GB/s"]).startswith(
        "the roof is too low: measured 100 GB/s of L2 (2026-11-27T04:29:00+00:00), copy attained 1"
    )
    assert "% of peak GB/s" not in found.calls[0]
    assert "% of peak GB/s" in found.calls[1]


def test_the_roof_of_float32_is_not_that_of_smaller_elements() -> None:
    row = {**call("conv", 500.0, 100_000_000), "Argument Shapes": "int8[64], int8[64]"}
    found = judged({**row, BYTES: Count(128)})
    assert words(found) == {"conv": "unknown"}
    assert found.missing["% of peak GFLOP/s"] == (
        "the roof, 100 GFLOP/s, is of float32; conv, which works on int8, attained 200"
    )


def test_one_thread_is_compared_with_one_thread() -> None:
    parallel = call("conv", 1500.0, 100_000_000, floats(9), **{TASKS: Samples((0.0, 1.0, 2.0))})
    serial = call("sort", 1500.0, 50_000_000, floats(9))
    of_one = ONE_THREAD.settings(one_thread=True)
    found = judged(parallel, serial, threads=2, more=of_one)
    assert words(found) == {"conv": "compute", "sort": "compute"}
    assert "it runs on one, and so do the peaks" in why(found, 1)
    unmeasured = judged(parallel, serial, threads=2)
    assert words(unmeasured) == {"conv": "compute", "sort": "unknown"}
    assert "no peaks of one thread" in why(unmeasured, 1)


def test_without_peaks_nobody_knows() -> None:
    plain = report(call("conv", 1500.0, 100_000_000, floats(9)))
    found = with_peaks(plain, {})
    assert words(found) == {"conv": "unknown"}
    assert "no peaks to compare with; measure them: vmprof peaks" in why(found)
    assert not any("% of peak" in each.column for each in found.derived)
    assert roofline(found).points[0].attained is None
    elsewhere = {**call("conv", 1500.0, 100_000_000, floats(9)), "Device": "cuda0"}
    assert "it ran elsewhere" in why(judged(elsewhere))


def test_calls_and_merged_rows_have_the_same_reasons() -> None:
    twice = [call("conv", us, 100_000_000, floats(9)) for us in (1000.0, 2000.0)]
    found = judged(*twice)
    assert {row["Bound"] for row in found.calls} == {"compute"}
    (merged,) = merge_calls(found.calls)
    assert merged["Bound"] == "compute"
    assert explain(found, merged) == explain(found, found.calls[1])
    assert "time: 1.50 ms a call, 2 calls" in why(found)
    assert explain(found, {"Name": "nobody"}) == ["unknown: the report has no such operator"]


def test_shares_of_sums_are_those_of_the_calls_that_they_are_of() -> None:
    memory = call("weights", 4e4, 2, floats(64 * MIB, 50_000))
    found = judged(memory, call("stranger", 9e4))
    share = found.calls[0]["% of peak GB/s"]
    assert found.device_metrics["cpu0"]["% of peak GB/s"] == share


def test_a_report_that_was_saved_says_the_same() -> None:
    found = judged(
        call("weights", 4e4, 2, floats(64 * MIB, 50_000)),
        call("relu", 50.0, 2, floats(50_000, 50_001)),
        call("fast", 500.0, 100_000_000, floats(9)),
    )
    loaded = Report.from_json(found.json())
    assert loaded == found
    assert [explain(loaded, row) for row in loaded.calls] == [
        explain(found, row) for row in found.calls
    ]
    assert with_peaks(found, SETTINGS) == found


def test_roofs_of_levels() -> None:
    data = roofline(judged(call("conv", 1500.0, 100_000_000, floats(256))))
    assert [(level.name, level.bandwidth) for level in data.levels] == [
        ("L1", 400.0),
        ("L2", 100.0),
        ("L3", 40.0),
        ("memory", 10.0),
    ]
    assert data.bandwidth == 10.0
    assert data.points[0].bound == "compute"
    assert data.status == "Peaks measured: 2026-11-27T04:29:00+00:00"
    assert Roofs.of({**ROOFS.settings()}) == ROOFS


numbers = st.one_of(st.just(0.0), st.floats(1e-3, 1e12))
sizes = st.integers(0, 1 << 40)


@given(
    st.lists(st.tuples(numbers, st.none() | sizes, sizes, sizes, st.sampled_from("ab")), max_size=4)
)
def test_every_row_has_a_word_and_no_share_is_above_all(
    rows: list[tuple[float, int | None, int, int, str]],
) -> None:
    found = judged(*(call(name, us, flops, floats(a, b)) for us, flops, a, b, name in rows))
    assert len(found.calls) == len(rows)
    for row in found.calls:
        assert explain(found, row)[0].startswith(f"{row['Bound']}: ")
    for merged in bounds(found).values():
        assert merged.word in {"compute", "launch", "unknown", "L1", "L2", "L3", "memory"}
    for point in roofline(found).points:
        assert point.attained is None or 0 <= point.attained <= TOLERANCE * 1.0001
