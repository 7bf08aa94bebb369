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
from vmprof.compare.diff.text import describe_change, parts_of, why_untold
from vmprof.compare.parts import plain
from vmprof.compare.readers import read_reports, reports_of
from vmprof.report.starts import joined
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
        call("new", 1, shapes="f[7]"),
    ]
    pairs = match_rows(before, after)
    found = [
        (
            None if pair.before is None else before[pair.before]["Name"],
            None if pair.after is None else after[pair.after]["Name"],
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


FAST = [9.0 + i / 10 for i in range(8)]
SLOW = [11.0 + i / 10 for i in range(8)]


def starts(*times: float) -> list[Report]:
    """A start of each time, around which its repeats lie."""
    return [report(repeated("f", [time + i / 10 for i in range(8)])) for time in times]


def test_repeats_of_one_start_tell_what_is_chance_alone() -> None:
    diff = diff_reports(
        report(repeated("f", FAST), repeated("g", FAST)),
        report(repeated("f", SLOW), repeated("g", list(reversed(FAST)))),
    )
    f, g = diff.operators
    # f, g and Sum were compared: three times the exact p of 8 and 8 that do not overlap.
    assert f.changes[TIME].p_repeats == pytest.approx(3 * 2 / 12870)
    assert f.changes[TIME].p is None
    assert f.changes[TIME].sureness is Sureness.UNDECIDED
    assert g.changes[TIME].sureness is Sureness.CHANCE
    assert diff.whole["Sum"][TIME].sureness is Sureness.UNDECIDED
    assert not diff.enough_starts
    assert why_untold(diff).startswith("Starts are too few: 1 and 1; with 5 of each side")


def test_starts_tell_what_is_real() -> None:
    before, after = starts(10, 11, 12, 13, 14), starts(20, 21, 22, 23, 24)
    (f,) = diff_reports(before, after, in_turn=True).operators
    # Of 252 ways to deal the starts out two make such a difference.
    assert f.changes[TIME].p == pytest.approx(2 / 252)
    assert f.changes[TIME].sureness is Sureness.REAL
    # The same in one file each.
    joined_too = diff_reports(joined(before), joined(after), in_turn=True).operators[0]
    assert joined_too.changes[TIME].p == f.changes[TIME].p
    assert joined_too.changes[TIME].percent == f.changes[TIME].percent
    few = diff_reports(before[:4], after[:4], in_turn=True).operators[0]
    assert few.changes[TIME].sureness is Sureness.UNDECIDED


def test_one_side_after_the_other_may_be_a_drift() -> None:
    before, near, far = starts(10, 11, 12), starts(13, 14, 15), starts(60, 61, 62)
    before, near, far = ([*side, *side] for side in (before, near, far))
    changes = [diff_reports(before, after).operators[0].changes[TIME] for after in (near, far)]
    assert [change.sureness for change in changes] == [Sureness.UNDECIDED, Sureness.REAL]
    assert changes[0].p == changes[1].p == pytest.approx(2 / 924)
    diff = diff_reports(before, near)
    assert why_untold(diff).startswith("One side was started after the other")


def test_layers_work_and_place_pair_what_has_other_names() -> None:
    before = [
        call("conv2d_add_relu", 9, shapes="f[1, 64, 56, 56]", FLOPs=Count(1000)),
        call("attention", 5, Layer="encoder.0"),
        call("dense", 3, FLOPs=Count(500)),
        call("same", 1),
        call("pool", 1, shapes="f[1, 32, 7, 7], f[1, 32]"),
        call("end", 1),
    ]
    after = [
        call("contrib_conv2d_NCHWc_add", 8, shapes="f[1, 4, 56, 56, 16]", FLOPs=Count(980)),
        call("flash", 4, Layer="encoder.0"),
        call("gemm", 3, FLOPs=Count(900)),
        call("same", 1),
        call("pooled", 1, shapes="f[1, 4, 7, 7, 8], f[1, 4, 8]"),
        call("end", 1),
    ]
    pairs = match_rows(before, after)
    assert [(pair.before, pair.after, pair.matched_by) for pair in pairs] == [
        (0, 0, MatchedBy.WORK),
        (1, 1, MatchedBy.LAYER),
        (2, 2, MatchedBy.POSITION),
        (3, 3, MatchedBy.NAME),
        (4, 4, MatchedBy.POSITION),
        (5, 5, MatchedBy.NAME),
    ]


def test_too_few_repeats_tell_nothing() -> None:
    diff = diff_reports(
        report(repeated("f", [1, 2, 3])),
        report(repeated("f", [11, 12, 13])),
    )
    assert diff.operators[0].changes[TIME] == Change(2, 12)
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


def test_samples_are_not_compared_and_that_is_said() -> None:
    """How many there are depends on how many runs were sampled."""
    before, after = report(call("f", 1, Samples=Count(900))), report(call("f", 1))
    for sides in ((before, before), (before, after), (after, before)):
        diff = diff_reports(*sides)
        assert diff.columns == (TIME,)
        assert diff.one_sided == ()
        assert [*diff.not_compared] == ["Samples"]
        shown = plain(parts_of(diff, "a", "b"))
        assert "Not compared: Samples: their number depends on how many runs were " in shown
        assert "900" not in shown
        assert [*json.loads(to_json(diff, "a", "b"))["not_compared"]] == ["Samples"]
    assert not diff_reports(after, after).not_compared
    with pytest.raises(VmprofError, match="do not both have a column 'Samples'"):
        regressions(diff_reports(before, before), Limit(5.0, "Samples", 1.0))


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
    assert whole["Total of cpu0"][TIME] == Change(9, 12)
    assert whole["Unprofiled mean"][TIME] == Change(7, 14)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(1.0, 1.125), "+12.5 % ?"),
        (Change(2.0, 1.0, 0.01), "-50.0 % *"),
        (Change(2.0, 1.0, 0.01, 0.02), "-50.0 % ?"),
        (Change(2.0, 1.0, None, None, 0.02), "-50.0 % ~"),
        (Change(2.0, 1.0, 0.011), "-50.0 % ~"),
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
    noise = [10.0, 30.0, 20.0, 40.0, 50.0, 15.0, 25.0]
    louder = [12.0, 39.0, 24.0, 48.0, 60.0, 18.0, 30.0]
    before = report(call("big", 100), call("small", 0.5), repeated("noisy", noise))
    after = report(call("big", 106), call("small", 0.9), repeated("noisy", louder))
    diff = diff_reports(before, after)
    # small is under 1 % of Sum; noisy rose by 20 %, within chance.
    found = regressions(diff, Limit(5, TIME, 1))
    assert [name for name, _ in found.undecided] == ["Sum", "big"]
    assert [name for name, _ in found.chance] == ["noisy"]
    assert found.sure == []
    assert (found.looked_at, found.blind) == (3, 2)
    assert [name for name, _ in regressions(diff, Limit(50, TIME, 0)).undecided] == ["small"]
    with pytest.raises(
        VmprofError, match=r"not both have a column 'x' that adds up; both have: Dur"
    ):
        regressions(diff, Limit(5, "x", 1))


def test_a_regression_that_is_sure() -> None:
    diff = diff_reports(starts(10, 11, 12, 13, 14), starts(20, 21, 22, 23, 24), in_turn=True)
    found = regressions(diff, Limit(5, TIME, 1))
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
    lines = plain(parts_of(diff, "old", "new")).split("\n")
    assert lines[0] == "old -> new"
    (sums,) = [line.split() for line in lines if line.startswith("Sum ")]
    assert sums[1:6] == ["90,656.05", "80,741.65", "-10.9", "%", "?"]
    assert "Model          squeezenet1.0  squeezenet1.1" in lines


def test_data() -> None:
    diff = diff_reports(report(call("f", 2.0), call("g", 1.0)), report(call("f", 3.0)))
    document = json.loads(to_json(diff, "a", "b"))
    assert document["operators"][0] == {
        "name": "f",
        "name_before": None,
        "layer": "",
        "argument_shapes": "f[1]",
        "count": {"before": 1, "after": 1},
        "matched_by": "name",
        "changes": {
            TIME: {
                "before": 2.0,
                "after": 3.0,
                "percent": 50.0,
                "verdict": "undecided",
                **dict.fromkeys(("p", "p_drift", "p_repeats")),
            }
        },
    }
    rows = list(csv.reader(io.StringIO(to_csv(diff))))
    assert rows == [
        [
            *("Name", "Argument Shapes", "Matched by", "Count before", "Count after"),
            *(f"{TIME} {what}" for what in ("before", "after", "percent", "p", "verdict")),
        ],
        ["f", "f[1]", "name", "1", "1", "2.0", "3.0", "50.0", "", "undecided"],
        ["g", "f[1]", "", "1", "", "1.0", "", "", "", ""],
        ["Sum", "", "", "", "", "3.0", "3.0", "0.0", "", "undecided"],
    ]
