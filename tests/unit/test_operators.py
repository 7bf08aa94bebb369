"""What a program reads of a report, without knowing of kinds of values."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.reports import network

from vmprof import Operator, Report, VmprofError
from vmprof.compare.diff import diff_reports
from vmprof.values import NOT_COUNTED, Count


def test_operators_are_merged_and_the_longest_comes_first() -> None:
    operators = network(2).operators()
    assert [(op.name, op.calls, op.time_us) for op in operators] == [
        ("fused_conv2d_add_relu", 2, 1610.0),
        ("fused_conv2d_add_relu_1", 1, 120.5),
        ("fused_conv2d_add_relu_2", 1, 120.5),
        ("fused_softmax", 2, 24.5),
        ("vm.builtin.alloc_tensor", 2, 1.0),
    ]


def test_cells_are_plain_numbers_and_text() -> None:
    (first,) = network(2).top(1)
    assert isinstance(first, Operator)
    assert first["perf::CYCLES"] == 2_400_000 + 2_430_000
    assert type(first["perf::CYCLES"]) is int
    assert first["IPC"] == first["instructions"] / first["cycles"]
    assert first.percent == first["Percent"] == pytest.approx(84.8, abs=1)
    assert (first.device, first.shapes) == ("cpu0", first["Argument Shapes"])
    assert first["Duration (us) samples"] == pytest.approx((1449, 1610, 2093))
    assert dict(first)["FLOPs"] == 80_000_000
    assert len(first) == len(dict(first)) == len([*first])
    assert repr(first).startswith("<Operator 'fused_conv2d_add_relu': {'Name': ")


def test_what_could_not_be_counted_says_why() -> None:
    last = network(2).operators()[-1]
    with pytest.raises(KeyError, match="this processor's PMU does not have the event"):
        last["perf::CACHE-MISSES"]
    with pytest.raises(KeyError, match="no column 'cycle'; did you mean 'perf::CYCLES'"):
        last["cycle"]
    assert "perf::CACHE-MISSES" not in last
    assert last.get("perf::CACHE-MISSES") is None
    assert last.get("perf::CACHE-MISSES", 0) == 0


def test_a_cell_that_stands_for_nothing_is_not_there() -> None:
    report = network(1)
    calls = ({**report.calls[0], "perf::CYCLES": NOT_COUNTED}, *report.calls[1:])
    first = replace(report, calls=calls).operators()[0]
    assert "perf::CYCLES" not in first
    assert "perf::CYCLES" not in [*first]
    with pytest.raises(KeyError, match="not all of its calls have a number there"):
        first["cycles"]
    # A call without arguments has shapes all the same.
    assert report.operators()[-1]["Argument Shapes"] == ""


def test_the_largest_of_a_column() -> None:
    report = network(2)
    by_rate = report.top(2, "gflop/s")
    assert [op["GFLOP/s"] for op in by_rate] == sorted(
        (op["GFLOP/s"] for op in report.operators() if "GFLOP/s" in op), reverse=True
    )[:2]
    reason = "rows cannot be sorted by perf::CACHE-MISSES: this processor's PMU does not have"
    with pytest.raises(VmprofError, match=re.escape(reason)):
        report.top(2, "cache-misses")


def test_only_total_has_it() -> None:
    report = network(1)
    total = {**report.device_metrics["cpu0"], "power::energy": Count(7)}
    report = replace(report, device_metrics={"cpu0": total})
    assert report.total["power::energy"] == 7
    with pytest.raises(VmprofError, match="sorted by power::energy: only Total has it"):
        report.top(1, "power::energy")


def test_total() -> None:
    report = network(2)
    assert report.total.name == "Total"
    assert report.total.time_us > sum(op.time_us for op in report.operators())
    two = replace(
        report, device_metrics={"cpu1": {}, **report.device_metrics, "cpu2": {"Name": "Total"}}
    )
    assert dict(two.total) == dict(report.total)
    with pytest.raises(VmprofError, match="has no Total"):
        _ = Report(calls=(), device_metrics={}, configuration={}).total


def test_a_report_compares_itself() -> None:
    before, after = network(2), network(3)
    assert before.diff(after) == diff_reports(before, after)
