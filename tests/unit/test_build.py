"""Columns of several runs -> Report."""

from __future__ import annotations

import pytest
from support.records import COLUMNS, NO_TENSOR, TWO_TENSORS, Call, recording

from vmprof.report import Report
from vmprof.report.aggregate import merge_calls, sum_columns
from vmprof.report.balance import imbalance
from vmprof.report.build import CollectedPass, build_report
from vmprof.report.counted import CountedPass
from vmprof.runs.layout import Layout
from vmprof.runs.run import Run
from vmprof.values import INCLUSIVE_DURATION, PATH, Count, Duration, Percent, Ratio, Row, Samples


def run(durations: tuple[int, int], total: int, cycles: int = 0, **options: object) -> Run:
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
    timed: list[Run],
    counted: list[Run],
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


def timed(*runs: tuple[tuple[int, int], int]) -> list[Run]:
    return [run(durations, total, counted=False) for durations, total in runs]


def test_rows_are_of_the_middle_half_and_keep_their_samples() -> None:
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
    assert alloc["Duration (us)"] == Duration(0.03)
    total = report.device_metrics["cpu0"]
    assert total["Duration (us)"] == Duration(4.0)
    assert total["Duration (us) samples"] == Samples((2.0, 9.5, 4.0))
    assert report.configuration["In no row (us)"] == Duration(0.97)  # of 0.99, 0.48 and 0.97


def test_the_same_runs_stand_for_every_row_and_what_is_in_no_row() -> None:
    """Six runs, of which the shortest and the longest are left out; one call is slow in half."""
    slow = [((1000, 3000 if n % 2 else 1000), 5000 + n) for n in range(4)]
    report = build(timed(((5, 5), 10), *slow, ((90000, 90000), 900000)), [])
    matmul, alloc = report.calls
    assert (matmul["Duration (us)"], alloc["Duration (us)"]) == (Duration(1.0), Duration(2.0))
    assert report.device_metrics["cpu0"]["Duration (us)"] == Duration(5.0015)
    assert report.configuration["In no row (us)"] == Duration(2.0015)
    assert imbalance(report) == {"Duration (us)": pytest.approx(0, abs=1e-12)}


def test_counts_are_rounded_so_that_they_add_up() -> None:
    """Means of 12.5 and 12.5, of 0.5 in no row: whole numbers that are Total, 37.5 + 0.5."""
    counted = [run((1, 1), 3, cycles, timed=False) for cycles in (11, 14)]
    report = build(timed(((1000, 10), 2000)), counted)
    assert [call["perf::CYCLES"] for call in report.calls] == [Count(13), Count(12)]
    assert report.calls[0]["perf::CYCLES samples"] == Samples((11, 14))
    assert report.configuration["In no row perf::CYCLES"] == Count(13)
    assert report.device_metrics["cpu0"]["perf::CYCLES"] == Count(38)
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
    assert str(report.configuration["Runs left out"]).startswith(
        "1 of 2 that counted perf::CYCLES, perf::PAGE-FAULTS: a reading of the counters failed"
    )


def test_a_call_is_nothing_in_a_run_that_did_not_make_it_and_that_is_said() -> None:
    odd = recording([(1, NO_TENSOR, 0, 8, [0, 0])], (50, [0, 0]), counted=False)
    report = build([odd, *timed(((1000, 10), 2000))], [])
    matmul, alloc = report.calls
    assert matmul["Duration (us) samples"] == Samples((0.0, 1.0))
    assert alloc["Duration (us) samples"] == Samples((0.008, 0.01))
    assert (matmul["Duration (us)"], alloc["Duration (us)"]) == (Duration(0.5), Duration(0.009))
    assert report.configuration["In no row (us)"] == Duration(0.516)
    assert report.configuration["Note"] == (
        "1 of 2 calls were not made in every run: matmul in 1 of 2 runs; a call counts as 0 in a "
        "run that did not make it"
    )
    # When calls were is said of the shorter run, which had one of them.
    assert "Window (us)" not in matmul
    assert alloc["Window (us)"] == Samples((0.0, 0.008))


def test_counting_runs_that_made_other_calls_count() -> None:
    odd = recording([(1, NO_TENSOR, 0, 7, [1, 1])], (50, [2, 2]), timed=False)
    report = build(timed(((1000, 10), 2000)), [odd])
    assert [call["perf::CYCLES"] for call in report.calls] == [Count(0), Count(1)]
    assert report.configuration["In no row perf::CYCLES"] == Count(1)
    assert report.missing == {}
    assert "matmul in 1 of 2 runs" in str(report.configuration["Note"])


def test_calls_are_matched_by_function_callee_shapes_and_number() -> None:
    """A branch with another kernel, a loop with a turn more, the same kernel for other shapes."""

    def calls(*made: tuple[int, int, str]) -> Run:
        rows: list[Call] = []
        for site, shape, _ in made:
            rows.append((site, shape, 10 * len(rows), 10 * len(rows) + 8, [0, 0]))
        paths = [path for _, _, path in made]
        return recording(rows, (200, [0, 0]), counted=False, paths=paths)

    one = calls((1, NO_TENSOR, "f"), (0, TWO_TENSORS, "f"), (1, NO_TENSOR, "f"))
    other = calls(
        (1, NO_TENSOR, "f"), (0, NO_TENSOR, "f"), (1, NO_TENSOR, "f"), (1, NO_TENSOR, "f"),
        (1, NO_TENSOR, "g"),
    )  # fmt: skip
    report = build([one, other], [])
    shown = [
        (call["Name"], call["Argument Shapes"], call[PATH], call["Duration (us) samples"])
        for call in report.calls
    ]
    shapes = "float32[1, 784], float32[1, 10]"
    assert shown == [
        ("alloc", "", "f", Samples((0.008, 0.008))),
        ("matmul", "", "f", Samples((0.0, 0.008))),
        ("matmul", shapes, "f", Samples((0.008, 0.0))),
        ("alloc", "", "f", Samples((0.008, 0.008))),
        ("alloc", "", "f", Samples((0.0, 0.008))),
        ("alloc", "", "g", Samples((0.0, 0.008))),
    ]


def test_runs_that_made_the_same_calls_in_another_order_are_said() -> None:
    calls: list[Call] = [(site, NO_TENSOR, site, site + 1, [0, 0]) for site in (0, 1)]
    runs = [recording(each, (9, [0, 0]), counted=False) for each in (calls, calls[::-1])]
    report = build(runs, [])
    assert [call["Name"] for call in report.calls] == ["matmul", "alloc"]
    assert report.configuration["Note"] == "the 2 runs made the same calls in different orders"


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
    rows: list[Row] = [{column: Count(value)} for value in (7, 9, 8)]
    runs = timed(*[((1000, 10), total) for total in (2000, 4000, 3000)])
    report = build(runs, [], per_run=[{**row, "mood": "fine"} for row in rows])
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
    assert (matmul["t"], matmul["w"]) == (Ratio(2.5), Duration(3))
    assert matmul["t samples"] == Samples((1.5, 2.5))
    assert (alloc["t"], alloc["t samples"]) == (Ratio(99), Samples((99,)))
    assert "w" not in alloc


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
