"""Columns of several runs -> Report."""

from __future__ import annotations

from support.records import COLUMNS, NO_TENSOR, TWO_TENSORS, recording

from vmprof.counters.source import Layout
from vmprof.recording import Recording
from vmprof.report import Report
from vmprof.report.aggregate import merge_calls, sum_columns
from vmprof.report.build import CollectedPass, CountedPass, build_report
from vmprof.report.model import (
    INCLUSIVE_DURATION,
    PATH,
    Count,
    Duration,
    Percent,
    Ratio,
    Row,
    Samples,
)


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
    timed: list[Recording],
    counted: list[Recording],
    refused: dict[str, str] | None = None,
    doubtful: tuple[str, ...] = (),
    per_run: list[Row] | None = None,
) -> Report:
    return build_report(
        sites=["matmul", "alloc"],
        device="cpu0",
        timed=timed,
        passes=[CountedPass(COLUMNS, counted, frozenset(doubtful))] if counted else [],
        collected=[],
        per_run=per_run or [],
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
        "Window (us)": Samples((0.0, 3.0)),
    }
    assert alloc["Duration (us)"] == Duration(0.02)
    total = report.device_metrics["cpu0"]
    assert total["Duration (us)"] == Duration(4.0)
    assert total["Duration (us) samples"] == Samples((2.0, 9.5, 4.0))
    assert report.configuration["In no row (us)"] == Duration(0.97)  # of 0.99, 0.48 and 0.97


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
    counted = [run((1, 1), 4000, 5, timed=False, running=[0.5])]
    report = build(timed(((1000, 10), 2000)), counted)
    assert set(report.missing) == set(COLUMNS)
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


def test_a_column_that_nobody_saw_counting_is_missing_if_it_is_0_throughout() -> None:
    zeros = [run((1, 1), 3, 0, timed=False) for _ in range(2)]
    report = build(timed(((1000, 10), 2000)), zeros, doubtful=("perf::CYCLES",))
    assert "read 0 when it was checked and 0 in the whole run" in report.missing["perf::CYCLES"]
    assert "perf::CYCLES" not in report.calls[0]
    assert report.calls[0]["perf::PAGE-FAULTS"] == Count(1)
    some = [run((1, 1), 3, 4, timed=False)]
    report = build(timed(((1000, 10), 2000)), some, doubtful=("perf::CYCLES",))
    assert report.calls[0]["perf::CYCLES"] == Count(4)


def test_values_that_took_turns_say_for_how_long_they_were_counted() -> None:
    """Cycles ran half of the time in one run and never in the other; page faults never."""
    turns = Layout(COLUMNS, ((0,), (1,)), multiplexed=True)
    counted = [
        run((100, 100), 400, 8, timed=False, layout=turns, running=[share, 0])
        for share in (0.5, 0.0)
    ]
    report = build(timed(((1000, 10), 2000)), counted)
    assert report.calls[0]["perf::CYCLES"] == Count(8)
    assert report.calls[0]["perf::CYCLES samples"] == Samples((8,))
    assert report.calls[0]["perf::CYCLES counted"] == Ratio(0.25)
    assert report.device_metrics["cpu0"]["perf::CYCLES"] == Count(24)
    assert "never had its turn" in report.missing["perf::PAGE-FAULTS"]


def test_a_sum_with_something_uncounted_in_it_is_no_sum() -> None:
    calls = [{"Name": "a", "x": Count(1)}, {"Name": "a", "x": ""}, {"Name": "b", "x": Count(2)}]
    merged = merge_calls(calls)
    assert [row["x"] for row in merged] == ["", Count(2)]
    assert sum_columns(merged)["x"] == ""


def test_what_is_counted_of_whole_runs_is_in_the_totals_alone() -> None:
    column = "power/energy-pkg/ (uJ)"
    rows = [{column: Count(value), "mood": "fine"} for value in (7, 9, 8)]
    report = build(timed(((1000, 10), 2000)), [], per_run=[*rows, {"mood": "fine"}])
    total = report.device_metrics["cpu0"]
    assert total[column] == Count(8)
    assert total[f"{column} samples"] == Samples((7, 9, 8))
    assert total["mood"] == "fine"
    assert column not in report.calls[0]


def test_what_a_collector_says_of_calls_is_in_their_rows() -> None:
    runs = timed(((1000, 10), 2000), ((1100, 10), 2000))
    odd = recording([(1, NO_TENSOR, 0, 7, [0, 0])], (50, [0, 0]), counted=False)
    report = build_report(
        sites=["matmul", "alloc"],
        device="cpu0",
        timed=runs,
        passes=[],
        collected=[
            CollectedPass(
                "Mood",
                [
                    (runs[0], [{"t": Ratio(1.5), "w": Duration(3)}, {}]),
                    (runs[1], [{"t": Ratio(2.5), "w": Duration(5)}, {}]),
                    (odd, [{"t": Ratio(99)}]),
                ],
            )
        ],
        per_run=[],
        refused={},
        configuration={},
    )
    matmul, alloc = report.calls
    assert (matmul["t"], matmul["w"]) == (Ratio(2.0), Duration(4))
    assert matmul["t samples"] == Samples((1.5, 2.5))
    assert "t" not in alloc
    assert report.configuration["Note on Mood"] == (
        "1 of its 3 runs are left out: they made other calls than the timed ones"
    )


def test_a_collector_whose_runs_made_other_calls_has_a_reason() -> None:
    odd = recording([(1, NO_TENSOR, 0, 7, [0, 0])], (50, [0, 0]), counted=False)
    report = build_report(
        sites=["matmul", "alloc"],
        device="cpu0",
        timed=timed(((1000, 10), 2000)),
        passes=[],
        collected=[CollectedPass("Mood", [(odd, [{"t": Ratio(99), "w": Count(1)}])])],
        per_run=[],
        refused={},
        configuration={},
    )
    reason = "the runs of Mood made other calls than the timed ones"
    assert report.missing == {"t": reason, "w": reason}
    assert "t" not in report.calls[0]


def test_a_row_is_of_the_call_itself_where_calls_nest() -> None:
    """invoke holds add, which holds add again; another add stands alone."""
    nested = recording(
        [
            (0, NO_TENSOR, 0, 9000, [90, 9]),
            (1, NO_TENSOR, 1000, 6000, [50, 5]),
            (1, NO_TENSOR, 2000, 4000, [20, 2]),
            (1, NO_TENSOR, 10000, 11000, [7, 0]),
        ],
        (20000, [200, 20]),
        parents=[-1, 0, 1, -1],
        paths=["main", "main > f", "main > f x2", "main"],
    )
    report = build_report(
        sites=["invoke", "add"],
        device="cpu0",
        timed=[nested],
        passes=[CountedPass(COLUMNS, [nested])],
        collected=[],
        per_run=[],
        refused={},
        configuration={},
    )
    shown = [
        (call["Duration (us)"], call.get(INCLUSIVE_DURATION), call["Percent"])
        for call in report.calls
    ]
    assert shown == [
        (Duration(4.0), Duration(9.0), Percent(20.0)),
        (Duration(3.0), Duration(5.0), Percent(15.0)),
        (Duration(2.0), None, Percent(10.0)),  # inside an add, whose time holds it
        (Duration(1.0), Duration(1.0), Percent(5.0)),
    ]
    cycles = [(call["perf::CYCLES"], call.get("perf::CYCLES incl.")) for call in report.calls]
    assert cycles == [
        (Count(40), Count(90)),
        (Count(30), Count(50)),
        (Count(20), None),
        (Count(7), Count(7)),
    ]
    assert [call[PATH] for call in report.calls] == list(nested.paths)
    assert report.configuration["In no row (us)"] == Duration(10.0)
    # Merged, the columns of what is inside are as true, and Sum does without them.
    invoke, add = merge_calls(report.calls)
    assert (invoke["Duration (us)"], invoke[INCLUSIVE_DURATION]) == (Duration(4.0), Duration(9.0))
    assert (add["Duration (us)"], add[INCLUSIVE_DURATION]) == (Duration(6.0), Duration(6.0))
    total = sum_columns([invoke, add])
    assert total["Duration (us)"] == Duration(10.0)
    assert not [column for column in total if "incl." in column]
    by_path = merge_calls(report.calls, by_path=True)
    assert [(row["Name"], row[PATH]) for row in by_path] == [
        ("invoke", "main"),
        ("add", "main > f"),
        ("add", "main > f x2"),
        ("add", "main"),
    ]
    assert PATH not in invoke


def test_calls_side_by_side_have_neither_paths_nor_inclusive_columns() -> None:
    report = build(timed(((1000, 10), 2000)), [run((1, 1), 3, 5, timed=False)])
    columns = {column for call in report.calls for column in call}
    assert PATH not in columns
    assert not [column for column in columns if "incl." in column]
