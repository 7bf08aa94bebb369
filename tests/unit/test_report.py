"""Table, CSV and JSON: against TVM's own reports, and against a file made from fixed records."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import NO_TENSOR, TWO_TENSORS, recording

from vmprof import Report, VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.build import build_report
from vmprof.report.counted import CountedPass
from vmprof.report.render.table import columns_of
from vmprof.runs.layout import Layout
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row, Samples

DATA = Path(__file__).parents[1] / "data"
TVM = DATA / "tvm-0.23-mlp"
COUNTED = ("perf::CYCLES", "perf::CACHE-MISSES", "perf::PAGE-FAULTS")


@pytest.fixture
def tvm_report() -> Report:
    return Report.from_json((TVM / "report.json").read_text())


@pytest.fixture
def fixed_report() -> Report:
    """Two kernels, one of them twice, under counters of which one is not there."""
    runs = [
        recording(
            [
                (0, TWO_TENSORS, 0, 1_234_567 + jitter, [5_000_000, 123, 0]),
                (1, NO_TENSOR, 2_000_000, 2_000_480, [900, 0, 0]),
                (2, TWO_TENSORS, 3_000_000, 3_600_000, [2_500_000, 7, 1]),
                (0, TWO_TENSORS, 4_000_000, 5_000_000, [4_000_000, 77, 0]),
            ],
            (5_123_456, [12_345_678, 300, 1]),
            layout=Layout(COUNTED, ((0, 1, 2),)),
        )
        for jitter in (-50, 0, 70)
    ]
    return build_report(
        sites=["fused_matmul_relu", "vm.builtin.alloc_storage", "softmax"],
        device="cpu0",
        timed=runs,
        passes=[CountedPass(COUNTED, runs)],
        collected=[],
        per_run=[],
        refused={"perf::STALLED-CYCLES-BACKEND": "this processor's PMU does not have the event"},
        configuration={
            "Number of threads": Count(2),
            "Executor": "VM",
            "Model": "fixed",
            "Unprofiled mean (us)": Duration(5012.5),
            "Unprofiled std (us)": Duration(41.0),
        },
    )


def test_table_of_fixed_records(fixed_report: Report) -> None:
    assert fixed_report.heading() + str(fixed_report) == (DATA / "fixed-records.txt").read_text()


def test_table_of_tvms_report(tvm_report: Report) -> None:
    """TVM's text from TVM's data. Where durations tie, TVM's sort leaves the order open."""
    ours, theirs = tvm_report.table().splitlines(), (TVM / "table.txt").read_text().splitlines()
    durations = [line.split()[1] for line in theirs[1:15]]
    assert [line.split()[1] for line in ours[1:15]] == durations
    assert sorted(ours) == sorted(theirs)
    assert ours[15:] == theirs[15:]


def test_table_of_the_relay_vm_with_papi() -> None:
    """The format of TVM's PAPI reports, column by column, from their own cells."""
    text = (DATA / "tvm-relay-papi-mlp.txt").read_text()
    lines = text.splitlines()
    grid = [line for line in lines[2:16] if not line.startswith(("----", "Sum"))]
    # Every cell ends where its header ends; two spaces follow.
    ends = [match.end() for match in re.finditer(r"\S+( \S+)*", grid[0])]
    ends[0] = grid[0].index("Duration") - 2
    starts = [0, *(end + 2 for end in ends)]
    names, *rows = (
        [line[start:end].strip() for start, end in zip(starts, ends, strict=False)] for line in grid
    )
    metrics = [
        {name: _metric(name, cell) for name, cell in zip(names, row, strict=True) if cell}
        for row in rows
    ]
    report = Report(
        calls=tuple(metrics[:-1]),
        device_metrics={"cpu0": metrics[-1]},
        configuration={
            "Number of threads": Count(32),
            "Executor": "VM",
        },
    )
    # TVM prints these columns although no call of this model has anything in them.
    assert columns_of(report.calls) == [name for name in names if name != "VM::Argument Shapes"]
    filled = Report(
        calls=({"VM::Argument Shapes": "", **report.calls[0]}, *report.calls[1:]),
        device_metrics=report.device_metrics,
        configuration=report.configuration,
    )
    # The sum of rounded cells is not the sum that TVM rounded.
    expected = [line for line in lines[2:] if not line.startswith(("----------  ", "Sum"))]
    assert filled.table(aggregate=False, col_sums=False).splitlines() == expected


def _metric(name: str, cell: str) -> Metric:
    number = cell.replace(",", "")
    if name == "Duration (us)":
        return Duration(float(number))
    if name == "Percent":
        return Percent(float(number))
    if name == "Count" or name.startswith("perf::"):
        return Count(int(number))
    return cell


def test_options_of_the_table(fixed_report: Report) -> None:
    def names(**options: bool) -> list[str]:
        grid = fixed_report.table(**options).split("\n\n")[0]
        return [line.split()[0] for line in grid.splitlines()[1:]]

    merged = ["fused_matmul_relu", "softmax", "vm.builtin.alloc_storage"]
    called = ["fused_matmul_relu", "vm.builtin.alloc_storage", "softmax", "fused_matmul_relu"]
    assert names() == [*merged, "----------", "Sum", "Total"]
    assert names(col_sums=False) == [*merged, "Total"]
    assert names(sort=False) == [
        "fused_matmul_relu",
        "vm.builtin.alloc_storage",
        "softmax",
        "----------",
        "Sum",
        "Total",
    ]
    assert names(sort=False, aggregate=False) == [*called, "----------", "Sum", "Total"]


def test_merging_by_tvms_rules() -> None:
    def call(**more: Metric) -> Row:
        return {
            "Name": "f",
            "Hash": "abc",
            "Argument Shapes": "float32[1]",
            "Device": "cpu0",
            "Count": Count(1),
            "Duration (us)": Duration(2.0),
            "Percent": Percent(25.0),
            "GFLOP/s": Ratio(3.0),
            "layout": "NCHW",
            **more,
        }

    report = Report(
        calls=(
            call(),
            call(layout="NHWC", **{"GFLOP/s": Ratio(6.0)}),
            call(Name="f_1"),  # the same kernel by another name, which is not lost
            call(Hash="def"),
            call(**{"Argument Shapes": "float32[2]"}),
            call(Device="cuda0"),
        ),
        device_metrics={},
        configuration={},
    )
    grid = [line.split() for line in report.table(col_sums=False).splitlines()[1:6]]
    # The layout differs: empty; durations, shares, counts add; ratios average.
    assert grid[0] == ["f", "4.00", "50.00", "cpu0", "2", "float32[1]", "4.5", "abc"]
    assert [row[0] for row in grid[1:]] == ["f_1", "f", "f", "f"]


def test_ratios_near_the_largest_number_average_too() -> None:
    calls = [{"Name": "a", "x": Ratio(1.6e308)}] * 2
    (row,) = merge_calls(calls)
    assert row["x"] == Ratio(1.6e308)


def test_csv_of_tvms_report(tvm_report: Report) -> None:
    """The same columns and values; TVM prints numbers with six digits, we print all.

    And what CSV cannot say, behind them.
    """
    theirs = list(csv.reader(io.StringIO((TVM / "report.csv").read_text())))
    ours = list(csv.reader(io.StringIO(tvm_report.csv())))
    assert ours[0] == [*theirs[0], "vmprof"]
    assert [row.pop() for row in ours[2:]] == [""] * (len(ours) - 2)
    ours[1].pop()
    for our_row, their_row in zip(ours[1:], theirs[1:], strict=True):
        for name, our, their in zip(theirs[0], our_row, their_row, strict=True):
            if name in ("Duration (us)", "Percent"):
                assert float(our) == pytest.approx(float(their), rel=1e-5)
            else:
                assert our == their


def test_csv_names_what_was_not_counted(fixed_report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(fixed_report.csv())))
    assert len(rows) == 4
    assert {row["perf::STALLED-CYCLES-BACKEND"] for row in rows} == {""}
    assert {row["Not counted"] for row in rows} == {
        "perf::STALLED-CYCLES-BACKEND: this processor's PMU does not have the event"
    }
    assert rows[0]["perf::CYCLES"] == "5000000"


def test_json_is_tvms(fixed_report: Report) -> None:
    """Three parts, and values of one kind each: TVM's reader fails on anything else."""
    document = json.loads(fixed_report.json())
    assert list(document) == ["calls", "device_metrics", "configuration"]
    rows = [*document["calls"], *document["device_metrics"].values(), document["configuration"]]
    for row in rows:
        for value in row.values():
            ((kind, content),) = value.items()
            assert kind in ("count", "microseconds", "percent", "ratio", "string")
            assert isinstance(content, str) == (kind == "string")
    assert document["configuration"]["Unprofiled mean (us)"] == {"microseconds": 5012.5}
    assert document["configuration"]["Unprofiled std (us)"] == {"microseconds": 41.0}


def test_json_and_back(fixed_report: Report, tvm_report: Report) -> None:
    for report in (fixed_report, tvm_report):
        assert Report.from_json(report.json()) == report


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.one_of(
    st.text(),
    st.integers(-(1 << 63), (1 << 63) - 1).map(Count),
    NUMBERS.map(Duration),
    NUMBERS.map(Percent),
    NUMBERS.map(Ratio),
)
NAMES = st.text().filter(
    lambda name: (
        not name.endswith(" samples") and not name.startswith(("Not counted: ", "Derived: "))
    )
)
ROWS = st.dictionaries(NAMES, METRICS, max_size=4)


@given(
    st.builds(
        Report,
        calls=st.lists(ROWS, max_size=3).map(tuple),
        device_metrics=st.dictionaries(st.text(), ROWS, max_size=2),
        configuration=ROWS,
        missing=st.dictionaries(NAMES, st.text(), max_size=2),
    )
)
def test_any_report_survives_json(report: Report) -> None:
    assert Report.from_json(report.json()) == report


def test_samples_survive_json() -> None:
    report = Report(
        calls=({"x samples": Samples((1.5, 2.0, 1e300))},), device_metrics={}, configuration={}
    )
    assert Report.from_json(report.json()) == report


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the JSON is broken"),
        ("{", "the JSON is broken"),
        ("[]", "it has no 'configuration'"),
        ("{}", "as TVM writes them"),
        ('{"calls": {}}', "it has no 'calls'"),
        ('{"calls": [7]}', r"calls\[0\] is no object"),
        ('{"calls": [{"Name": 7}]}', r"calls\[0\]\['Name'\] is 7, no value of TVM's kinds"),
        ('{"calls": [{"Count": {"count": 1.5}}]}', "no value of TVM's kinds"),
        ('{"calls": [{"x samples": {"string": "a b"}}]}', "is not a list of numbers"),
    ],
)
def test_what_is_no_report_is_refused(text: str, message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        Report.from_json(text)
