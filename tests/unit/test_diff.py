"""Two reports: which operator is which, what changed, what is worth stopping for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from vmprof import Report, VmprofError
from vmprof.compare.diff import (
    Change,
    Limit,
    MatchedBy,
    Sureness,
    diff_reports,
    regressions,
)
from vmprof.compare.diff.data import to_csv, to_json
from vmprof.compare.diff.match import match_rows
from vmprof.compare.diff.text import describe_change, render
from vmprof.compare.readers import read_reports, reports_of
from vmprof.values import Count, Duration, Metric, Ratio, Row, Samples

DATA = Path(__file__).parents[1] / "data"
TIME = "Duration (us)"


def call(name: str, time: float, *, shapes: str = "f[1]", **more: Metric) -> Row:
    return {
        "Name": name,
        TIME: Duration(time),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": shapes,
        **more,
    }


def repeated(name: str, times: list[float]) -> Row:
    middle = sorted(times)[len(times) // 2]
    return {**call(name, middle), f"{TIME} samples": Samples(tuple(times))}


def report(*calls: Row, **configuration: Metric) -> Report:
    return Report(tuple(calls), {}, configuration)


def test_matching_goes_from_sure_to_unsure() -> None:
    before = [
        call("a", 1, Hash="1"),
        call("b", 1),
        call("conv2d_add", 1),
        call("conv2d_add_1", 1),
        call("pool_2", 1, shapes="f[2]"),
        call("gone", 1),
    ]
    after = [
        call("b", 1, Hash="1"),  # its hash says that it was a
        call("b", 2),
        call("conv2d_add_1", 1, shapes="f[9]"),
        call("conv2d_add_2", 1),
        call("conv2d_add_3", 1),
        call("pool", 1, shapes="f[3]"),
        call("new", 1),
    ]
    pairs = match_rows(before, after)
    found = [
        (
            pair.before["Name"] if pair.before else None,
            pair.after["Name"] if pair.after else None,
            pair.matched_by,
        )
        for pair in pairs
    ]
    assert found == [
        ("a", "b", MatchedBy.HASH),
        ("b", "b", MatchedBy.NAME),
        (None, "conv2d_add_1", None),
        ("conv2d_add", "conv2d_add_2", MatchedBy.RENUMBERED),
        ("conv2d_add_1", "conv2d_add_3", MatchedBy.RENUMBERED),
        ("pool_2", "pool", MatchedBy.RESHAPED),
        (None, "new", None),
        ("gone", None, None),
    ]


def test_rows_without_a_name_are_not_matched() -> None:
    pairs = match_rows([{"Count": Count(1)}], [{"Count": Count(1)}])
    assert [pair.matched_by for pair in pairs] == [None, None]


def test_calls_are_merged_first() -> None:
    diff = diff_reports(
        report(call("f", 1), call("f", 2), call("g", 5)), report(call("f", 6), call("g", 5))
    )
    f, g = diff.operators
    assert (f.name, f.count_before, f.count_after) == ("f", 2, 1)
    assert f.changes[TIME] == Change(3.0, 6.0)
    assert f.changes[TIME].percent == 100.0
    assert g.changes[TIME].percent == 0.0
    assert diff.whole == {"Sum": {TIME: Change(8.0, 11.0)}}


def test_a_difference_beyond_the_repeats_is_real() -> None:
    slow = [10.0 + i / 10 for i in range(8)]
    fast = [9.0 + i / 10 for i in range(8)]
    diff = diff_reports(
        report(repeated("f", fast), repeated("g", fast)),
        report(repeated("f", slow), repeated("g", list(reversed(fast)))),
    )
    f, g = diff.operators
    assert f.changes[TIME].sureness is Sureness.REAL
    # Two rows were compared: twice the exact p of 8 and 8 that do not overlap.
    assert f.changes[TIME].p == pytest.approx(2 * 2 / 12870)
    assert g.changes[TIME].sureness is Sureness.CHANCE
    # Sum has repeats since each row has them.
    assert diff.whole["Sum"][TIME].sureness is Sureness.REAL


def test_too_few_repeats_tell_nothing() -> None:
    diff = diff_reports(
        report(repeated("f", [1, 2, 3])),
        report(repeated("f", [11, 12, 13])),
    )
    assert diff.operators[0].changes[TIME] == Change(2, 12, None)
    assert diff.operators[0].changes[TIME].sureness is Sureness.UNDECIDED


def test_columns_and_settings() -> None:
    diff = diff_reports(
        report(
            call("f", 1, **{"perf::CYCLES": Count(100), "GFLOP/s": Ratio(2.0), "x": Count(1)}),
            **{"Executor": "VM", "Number of threads": Count(32), "Empty call (us)": Duration(1)},
        ),
        report(
            call("f", 1, **{"perf::CYCLES": Count(150), "GFLOP/s": Ratio(3.0), "layout": "NCHW"}),
            **{"Executor": "VM", "Number of threads": Count(2)},
        ),
    )
    assert diff.columns == (TIME, "GFLOP/s", "perf::CYCLES")
    assert diff.one_sided == ("x",)
    assert diff.settings == {"Number of threads": (Count(32), Count(2))}
    assert diff.operators[0].changes["perf::CYCLES"] == Change(100, 150)
    assert diff.operators[0].changes["GFLOP/s"] == Change(2.0, 3.0)
    assert "GFLOP/s" not in diff.whole["Sum"]


def test_the_whole_run() -> None:
    samples = Samples((5.0, 6.0, 7.0, 8.0))
    before = Report(
        (call("f", 1),),
        {"cpu0": {"Name": "Total", TIME: Duration(9), f"{TIME} samples": samples}},
        {"Unprofiled mean (us)": Duration(7), "Unprofiled mean (us) samples": samples},
    )
    after = Report(
        (call("f", 1),),
        {"cpu0": {"Name": "Total", TIME: Duration(12), f"{TIME} samples": samples}},
        {"Unprofiled mean (us)": Duration(14)},
    )
    whole = diff_reports(before, after).whole
    assert list(whole) == ["Sum", "Total of cpu0", "Unprofiled mean"]
    assert whole["Total of cpu0"][TIME] == Change(9, 12, 1.0)
    assert whole["Unprofiled mean"][TIME] == Change(7, 14)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(1.0, 1.125), "+12.5 % ?"),
        (Change(2.0, 1.0, 0.05), "-50.0 % *"),
        (Change(2.0, 1.0, 0.051), "-50.0 % ~"),
        (Change(2.0, 2.0, 1.0), "="),
        (Change(0, 3), "from 0 ?"),
        (Change(None, 3), "new"),
        (Change(3, None), "gone"),
        (Change(None, None), ""),
    ],
)
def test_describing_a_change(change: Change, text: str) -> None:
    assert describe_change(change) == text


def test_regressions() -> None:
    noise = [10.0, 30.0, 20.0, 40.0]
    before = report(call("big", 100), call("small", 0.5), repeated("noisy", noise))
    after = report(call("big", 106), call("small", 0.9), repeated("noisy", [12, 39, 24, 48]))
    diff = diff_reports(before, after)
    # small is under 1 % of Sum; noisy rose by 30 %, within chance; Sum by 12 %.
    found = regressions(diff, Limit(5, TIME, 1))
    assert [name for name, _ in found.undecided] == ["Sum", "big"]
    assert [name for name, _ in found.chance] == ["noisy"]
    assert found.sure == []
    assert (found.looked_at, found.blind) == (3, 2)
    assert [name for name, _ in regressions(diff, Limit(10, TIME, 1)).undecided] == ["Sum"]
    assert [name for name, _ in regressions(diff, Limit(50, TIME, 0)).undecided] == ["small"]
    with pytest.raises(
        VmprofError, match=r"not both have a column 'x' that adds up; both have: Dur"
    ):
        regressions(diff, Limit(5, "x", 1))


def test_a_regression_that_is_sure() -> None:
    fast, slow = ([base + i / 10 for i in range(8)] for base in (10.0, 11.0))
    found = regressions(
        diff_reports(report(repeated("f", fast)), report(repeated("f", slow))), Limit(5, TIME, 1)
    )
    assert [name for name, _ in found.sure] == ["Sum", "f"]
    assert found.undecided == found.chance == []
    assert found.blind == 0


def test_tvms_reports_and_the_text() -> None:
    reports = read_reports(DATA / "tvm-relay-vm-papi-reports.txt")
    (old,), (new,) = reports_of("squeezenet1.0", reports), reports_of("squeezenet1.1", reports)
    diff = diff_reports(old.report, new.report)
    by_hash = [op for op in diff.operators if op.matched_by is MatchedBy.HASH]
    hashes = [{row["Hash"] for row in r.report.calls if "Hash" in row} for r in (old, new)]
    assert len(by_hash) == len(hashes[0] & hashes[1])
    lines = render(diff, "old", "new").split("\n")
    assert lines[0] == "old -> new"
    (sums,) = [line.split() for line in lines if line.startswith("Sum ")]
    assert sums[1:6] == ["90,656.05", "80,741.65", "-10.9", "%", "?"]
    assert "Model          squeezenet1.0  squeezenet1.1" in lines


def test_data() -> None:
    diff = diff_reports(report(call("f", 2.0), call("g", 1.0)), report(call("f", 3.0)))
    document = json.loads(to_json(diff, "a", "b"))
    assert document["operators"][0] == {
        "name": "f",
        "argument_shapes": "f[1]",
        "count": {"before": 1, "after": 1},
        "matched_by": "name",
        "changes": {TIME: {"before": 2.0, "after": 3.0, "percent": 50.0, "p": None}},
    }
    rows = list(csv.reader(io.StringIO(to_csv(diff))))
    assert rows == [
        [
            *("Name", "Argument Shapes", "Matched by", "Count before", "Count after"),
            *(f"{TIME} before", f"{TIME} after", f"{TIME} percent", f"{TIME} p"),
        ],
        ["f", "f[1]", "name", "1", "1", "2.0", "3.0", "50.0", ""],
        ["g", "f[1]", "", "1", "", "1.0", "", "", ""],
        ["Sum", "", "", "", "", "3.0", "3.0", "0.0", ""],
    ]
