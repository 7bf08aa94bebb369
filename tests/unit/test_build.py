"""Columns of several runs -> Report."""

from __future__ import annotations

from support.records import NO_TENSOR, TWO_TENSORS, recording

from vmprof.recording import Recording
from vmprof.report import Report
from vmprof.report.build import build_report
from vmprof.report.model import Count, Duration, Percent, Samples

EVENTS = ["perf::CYCLES", "perf::PAGE-FAULTS"]


def run(durations: tuple[int, int], total: int, cycles: int = 0, **options: object) -> Recording:
    first, second = durations
    return recording(
        [
            (0, TWO_TENSORS, 0, first, [cycles, 1]),
            (1, NO_TENSOR, first, first + second, [cycles, 0]),
        ],
        (total, [3 * cycles, 4]),
        **options,  # type: ignore[arg-type]
    )


def build(
    timed: list[Recording], counted: list[Recording], refused: dict[str, str] | None = None
) -> Report:
    return build_report(
        sites=["matmul", "alloc"],
        device="cpu0",
        timed=timed,
        counted=counted,
        events=EVENTS,
        refused=refused or {},
        configuration={"Executor": "VM"},
    )


def timed(*runs: tuple[tuple[int, int], int]) -> list[Recording]:
    return [run(durations, total, counted=False) for durations, total in runs]


def test_rows_are_medians_and_keep_their_samples() -> None:
    report = build(timed(((1000, 10), 2000), ((9000, 20), 9500), ((3000, 30), 4000)), [])
    matmul, alloc = report.calls
    assert matmul == {
        "Name": "matmul",
        "Duration (us)": Duration(3.0),
        "Duration (us) samples": Samples((1.0, 9.0, 3.0)),
        "Percent": Percent(75.0),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": "float32[1, 784], float32[1, 10]",
    }
    assert alloc["Duration (us)"] == Duration(0.02)
    total = report.device_metrics["cpu0"]
    assert total["Duration (us)"] == Duration(4.0)
    assert total["Duration (us) samples"] == Samples((2.0, 9.5, 4.0))
    assert report.configuration["In no row (us)"] == Duration(4.0 - 3.0 - 0.02)


def test_counts_are_counts_that_were_counted() -> None:
    """Of two runs the lower, never a mean that nobody counted."""
    counted = [run((1, 1), 3, cycles, timed=False) for cycles in (11, 14)]
    report = build(timed(((1000, 10), 2000)), counted)
    assert report.calls[0]["perf::CYCLES"] == Count(11)
    assert report.calls[0]["perf::CYCLES samples"] == Samples((11, 14))
    assert report.device_metrics["cpu0"]["perf::CYCLES"] == Count(33)
    assert report.missing == {}


def test_refused_events_have_a_reason_and_no_column() -> None:
    counted = [run((1, 1), 3, 5, timed=False)]
    report = build(timed(((1000, 10), 2000)), counted, {"perf::CACHE-MISSES": "no PMU"})
    assert report.missing == {"perf::CACHE-MISSES": "no PMU"}
    assert all("perf::CACHE-MISSES" not in call for call in report.calls)


def test_faulty_counts_are_absent_everywhere() -> None:
    counted = [run((1, 1), 4000, 5, timed=False, running=0.5)]
    report = build(timed(((1000, 10), 2000)), counted)
    assert set(report.missing) == set(EVENTS)
    assert "50 % of the time" in report.missing["perf::CYCLES"]
    for row in (*report.calls, *report.device_metrics.values()):
        assert not {name for name in row if name.startswith("perf::")}


def test_a_faulty_run_among_good_ones_is_left_out() -> None:
    counted = [
        run((1, 1), 3, 5, timed=False),
        run((1, 1), 3, 99, timed=False, failed_reads=[1]),
    ]
    report = build(timed(((1000, 10), 2000)), counted)
    assert report.calls[0]["perf::CYCLES samples"] == Samples((5,))


def test_runs_that_made_other_calls_are_left_out_and_said() -> None:
    odd = recording([(1, NO_TENSOR, 0, 7, [0, 0])], (50, [0, 0]), counted=False)
    report = build([odd, *timed(((1000, 10), 2000))], [])
    assert report.calls[0]["Duration (us) samples"] == Samples((1.0,))
    assert report.configuration["Note"] == (
        "the runs did not all make the same calls; rows are of 1 of 2"
    )


def test_counts_of_other_calls_are_not_mixed_in() -> None:
    odd = recording([(1, NO_TENSOR, 0, 7, [1, 1])], (50, [2, 2]), timed=False)
    report = build(timed(((1000, 10), 2000)), [odd])
    assert "use --single-pass" in report.missing["perf::CYCLES"]
    assert "perf::CYCLES" not in report.calls[0]
