"""Several starts of a program as one report, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sampled_code import sampled_report

from vmprof import Report
from vmprof.report.annotated import annotated
from vmprof.report.balance import imbalance
from vmprof.report.estimator import mean_of, middle_half
from vmprof.report.starts import joined, per_start, starts_of
from vmprof.values import Count, Derived, Duration, Metric, Percent, Ratio, Row, Samples

TIME = "Duration (us)"
CYCLES = "perf::CYCLES"
IPC = Derived("per cycle", "t / c", "ratio", {"t": TIME, "c": CYCLES})


def start(rows: dict[str, list[float]], *, between: float = 1.0, cycles: int = 7) -> Report:
    """Of calls with these repeats."""
    repeats = len(next(iter(rows.values())))
    totals = [sum(times[i] for times in rows.values()) + between for i in range(repeats)]
    kept = middle_half(totals)
    calls: list[Row] = [
        {
            "Name": name,
            **mean_of(TIME, [Duration(time) for time in times], kept),
            "Device": "cpu0",
            "Count": Count(1),
            "Argument Shapes": "float32[1]",
            CYCLES: Count(cycles + place),
            f"{CYCLES} samples": Samples(tuple(float(cycles + place) for _ in times)),
            "per cycle": Ratio(0.0),
            "Percent": Percent(0.0),
        }
        for place, (name, times) in enumerate(rows.items())
    ]
    total: dict[str, Metric] = {
        "Name": "Total",
        **mean_of(TIME, [Duration(time) for time in totals], kept),
        CYCLES: Count(3 + sum(cycles + place for place in range(len(rows)))),
    }
    return Report(
        tuple(calls),
        {"cpu0": total},
        {
            "Model": "m",
            "Repeats": Count(repeats),
            "Unprofiled mean (us)": Duration(totals[0]),
            "Unprofiled mean (us) samples": Samples(tuple(totals)),
            "In no row (us)": Duration(between),
            f"In no row {CYCLES}": Count(3),
        },
        derived=(IPC,),
    )


def times(report: Report) -> dict[str, float]:
    return {
        str(row["Name"]): metric.microseconds
        for row in report.calls
        if isinstance(metric := row[TIME], Duration)
    }


def test_values_are_means_over_starts() -> None:
    report = joined([start({"f": [1, 2, 3]}), start({"f": [4, 4, 4, 4]}, cycles=9)])
    (row,) = report.calls
    assert row[TIME] == Duration(3.0)
    assert per_start(row, TIME) == (2.0, 4.0)
    assert row[f"{TIME} samples"] == Samples((1, 2, 3, 4, 4, 4, 4))
    assert row[CYCLES] == Count(8)
    assert row["per cycle"] == Ratio(3 / 8)
    assert row["Percent"] == Percent(75.0)
    assert row["Count"] == Count(1)
    assert "Count per start" not in row
    assert report.configuration["Starts"] == Count(2)
    assert report.configuration["Repeats"] == Count(7)
    assert report.configuration["Unprofiled mean (us)"] == Duration(3.5)


def test_starts_are_had_back() -> None:
    both = [start({"f": [1, 2, 3], "g": [5, 5, 5]}), start({"f": [4, 4], "g": [7, 9]}, cycles=9)]
    report = Report.from_json(joined(both).json())
    found = starts_of(report)
    assert [times(each) for each in found] == [times(each) for each in both]
    for one, other in zip(found, both, strict=True):
        for name in (f"{TIME} samples", CYCLES, f"{CYCLES} samples", "Argument Shapes"):
            assert [row[name] for row in one.calls] == [row[name] for row in other.calls]
        assert one.device_metrics["cpu0"][TIME] == other.device_metrics["cpu0"][TIME]
        assert "Starts" not in one.configuration
    assert joined([report]).calls == report.calls
    assert joined(found).device_metrics == report.device_metrics


def test_one_start_is_what_it_was() -> None:
    report = start({"f": [1, 2]})
    assert joined([report]) is report
    assert starts_of(report) == [report]


def test_a_call_that_a_start_did_not_make_took_nothing_there() -> None:
    report = joined([start({"f": [1, 1]}), start({"f": [3, 3], "g": [4, 4]})])
    assert times(report) == {"f": 2.0, "g": 2.0}
    assert report.configuration["Note"] == (
        "1 of 2 calls were not made in every start; they count as 0 there"
    )
    assert imbalance(report) == {TIME: pytest.approx(0), CYCLES: 0}


def test_what_one_start_could_not_count_is_in_none() -> None:
    whole = start({"f": [1, 1]})
    (call,) = whole.calls
    lacking = Report(
        ({name: metric for name, metric in call.items() if CYCLES not in name},),
        whole.device_metrics,
        whole.configuration,
        {CYCLES: "no room"},
        whole.derived,
    )
    report = joined([whole, lacking])
    assert report.missing[CYCLES] == "no room"
    assert not [name for name in report.calls[0] if CYCLES in name]


def test_settings_that_differ_are_told_in_turn() -> None:
    one, other = start({"f": [1]}), start({"f": [1]})
    one = Report(one.calls, one.device_metrics, {**one.configuration, "Launches": "all"})
    other = Report(other.calls, other.device_metrics, {**other.configuration, "Launches": "some"})
    assert joined([one, other, one]).configuration["Launches"] == "all | some"


@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=2, max_size=5))
def test_what_adds_up_in_each_start_adds_up_in_all(cycles: list[list[int]]) -> None:
    def of(counts: list[int]) -> Report:
        report = start({"f": [1], "g": [2]})
        rows = tuple(
            {**row, CYCLES: Count(count)} for row, count in zip(report.calls, counts, strict=False)
        )
        total = {**report.device_metrics["cpu0"], CYCLES: Count(sum(counts))}
        settings = {**report.configuration, f"In no row {CYCLES}": Count(counts[2])}
        return Report(rows, {"cpu0": total}, settings, derived=report.derived)

    report = joined([of(counts) for counts in cycles])
    assert imbalance(report) == {TIME: pytest.approx(0), CYCLES: 0}


def test_what_was_kept_of_the_first_start_stays_with_its_rows() -> None:
    """Its samples are of its calls by their numbers, also where others called more."""
    first = replace(sampled_report(), calls=start({"kernel": [1, 2]}).calls)
    other = start({"other": [3, 4], "kernel": [1, 2]})
    both = joined([first, other])
    assert both.code == first.code
    (operator,) = annotated(both).operators
    assert (operator.name, operator.samples) == ("kernel", 40)
