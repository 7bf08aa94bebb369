"""Two engines' reports: where they part, what differs, and by how much it may."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vmprof import Report
from vmprof.compare.parts import plain
from vmprof.compare.validate import Agreement, Verdict, compare_engines
from vmprof.compare.validate.conclusion import Conclusion, Validation
from vmprof.compare.validate.text import costs, parts_of, table
from vmprof.report.estimator import mean_of, middle_half
from vmprof.values import Count, Duration, Metric, Row, Samples

TIME = "Duration (us)"
CYCLES = "perf::CYCLES"
# Ten repeats that differ a little.
STEPS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def call(name: str, times: Sequence[float], cycles: Sequence[int] = ()) -> Row:
    row: dict[str, Metric] = {
        "Name": name,
        **mean_of(TIME, [Duration(time) for time in times], middle_half(times)),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": "float32[1]",
    }
    if cycles:
        row |= mean_of(CYCLES, [Count(each) for each in cycles], middle_half(cycles))
    return row


def report(*calls: Row, between: float = 1.0, cycles: int = 0, **configuration: Metric) -> Report:
    """Of calls after each of which ``between`` microseconds pass."""
    samples = [each[f"{TIME} samples"] for each in calls]
    sums = [
        sum(run) for run in zip(*[s.values for s in samples if isinstance(s, Samples)], strict=True)
    ]
    total = {
        **mean_of(TIME, [Duration(run + between * len(calls)) for run in sums], middle_half(sums)),
        CYCLES: Count(cycles),
    }
    settings = {"Empty call (us)": Duration(0.25), **configuration}
    return Report(calls, {"cpu0": total}, settings)


def around(time: float) -> list[float]:
    return [time + step for step in STEPS]


def compare(one: Report, other: Report, tolerance: float = 5.0) -> Agreement:
    return compare_engines({"vmprof": one, "tvm": other}, tolerance)


def verdicts(agreement: Agreement, column: str = TIME) -> dict[str, Verdict]:
    return {each.name: each.cells[column].verdict for each in agreement.operators}


def test_a_difference_beyond_chance_tolerance_and_window_is_one() -> None:
    agreement = compare(
        report(call("add", around(100)), call("relu", around(50))),
        report(call("add", around(110)), call("relu", around(50))),
    )
    assert verdicts(agreement) == {"add": Verdict.DIFFERS, "relu": Verdict.NOISE}
    ((operator, column, cell),) = agreement.differing()
    assert (operator.name, column) == ("add", TIME)
    assert cell.change.percent == pytest.approx(10 / 1.0045)
    # Two tests, each at the least that ten and ten repeats can give: 2 of C(20, 10).
    assert cell.change.p == pytest.approx(2 * 2 / 184756)
    assert agreement.tested == 2


@pytest.mark.parametrize(
    ("time", "other", "tolerance", "expected"),
    [
        (100.0, 104.0, 5.0, Verdict.SMALL),  # within the tolerance
        (100.0, 104.0, 3.0, Verdict.DIFFERS),
        (5.0, 6.2, 5.0, Verdict.SMALL),  # a window costs 1.25 us
        (5.0, 6.3, 5.0, Verdict.DIFFERS),
        (100.0, 100.1, 0.0, Verdict.NOISE),
    ],
)
def test_how_much_is_none(time: float, other: float, tolerance: float, expected: Verdict) -> None:
    agreement = compare(
        report(call("add", around(time))), report(call("add", around(other))), tolerance
    )
    assert agreement.window[TIME] == pytest.approx(1.25)
    assert verdicts(agreement) == {"add": expected}


def test_a_window_is_allowed_for_every_call_of_an_operator() -> None:
    three = [call("add", around(5))] * 3
    agreement = compare(report(*three), report(*[call("add", around(6.2))] * 3), 0.0)
    (operator,) = agreement.operators
    assert operator.count == 3
    assert operator.cells[TIME].allowed == pytest.approx(3 * 1.25)
    assert operator.cells[TIME].verdict is Verdict.SMALL


def test_samples_say_nothing_of_whether_engines_agree() -> None:
    """Of as many runs there are more or fewer of them, without repeats that could tell."""
    same = call("add", around(100))
    agreement = compare(
        report({**same, "Samples": Count(40)}), report({**same, "Samples": Count(43)})
    )
    assert agreement.columns == (TIME,)
    assert agreement.undecided() == agreement.differing() == []
    validation = Validation({}, agreement, None, reproducible=True)
    assert "Not compared: Samples: " in plain(parts_of(validation, "model"))


def test_few_repeats_cannot_tell() -> None:
    """A tenfold difference, and no test can show it."""
    agreement = compare(report(call("add", [10, 20, 30])), report(call("add", [100, 200, 300])))
    assert verdicts(agreement) == {"add": Verdict.UNDECIDED}
    assert (agreement.tested, agreement.varying, agreement.repeats) == (0, 1, 3)
    assert agreement.differing() == []
    assert [operator.name for operator, _, _ in agreement.undecided()] == ["add"]
    # 2 of C(8, 4) is 0.029; of C(6, 3) it is 0.1.
    assert agreement.enough_repeats == 4
    assert conclusion(agreement) is Conclusion.UNDECIDED
    assert "not told: 3 repeats are too few for 1 values, 4 are needed" in text_of(agreement)


def test_few_repeats_cannot_tell_that_nothing_differs_either() -> None:
    agreement = compare(report(call("add", [1, 2, 3])), report(call("add", [1.1, 2, 2.9])))
    assert verdicts(agreement) == {"add": Verdict.UNDECIDED}


def test_one_repeat_of_equal_counts_is_told() -> None:
    agreement = compare(
        report(call("add", [1, 1, 1], [7, 7, 7])), report(call("add", [1, 1, 1], [7, 7, 7]))
    )
    assert verdicts(agreement) == verdicts(agreement, CYCLES) == {"add": Verdict.NOISE}
    assert conclusion(agreement) is Conclusion.AGREE


def test_a_large_difference_within_chance_is_not_told() -> None:
    wild = [100.0, 180.0] * 5
    one, other = report(call("add", wild)), report(call("add", [90.0, *wild[:8], 300.0]))
    same = compare(one, other)
    assert verdicts(same) == {"add": Verdict.NOISE}  # the medians are equal
    far = compare(one, report(call("add", [each + 40 for each in wild])), tolerance=5.0)
    assert far.tested == 1
    assert verdicts(far) == {"add": Verdict.UNDECIDED}
    assert conclusion(far) is Conclusion.UNDECIDED
    assert "not told, may be chance (--repeats, or another --tolerance): add: Dur" in text_of(far)
    # Asked for less, one knows enough.
    assert conclusion(compare(one, report(call("add", wild)), 50.0)) is Conclusion.AGREE


def test_a_difference_that_is_sure_is_one_whatever_else_is_not() -> None:
    wild = [100.0, 180.0] * 5
    agreement = compare(
        report(call("add", around(100)), call("exp", wild)),
        report(call("add", around(200)), call("exp", [each + 40 for each in wild])),
    )
    assert verdicts(agreement) == {"add": Verdict.DIFFERS, "exp": Verdict.UNDECIDED}
    assert conclusion(agreement) is Conclusion.DIFFER


def test_outputs_that_are_not_compared_are_not_told() -> None:
    same = compare(report(call("add", around(100))), report(call("add", around(100))))
    assert conclusion(same) is Conclusion.AGREE
    assert Validation({}, same, None, reproducible=False).conclusion is Conclusion.UNDECIDED
    assert Validation({}, same, "differ", reproducible=True).conclusion is Conclusion.DIFFER


def conclusion(agreement: Agreement) -> Conclusion:
    return Validation({}, agreement, None, reproducible=True).conclusion


def text_of(agreement: Agreement) -> str:
    return plain(parts_of(Validation({}, agreement, None, reproducible=True), "model"))


def test_counters_are_compared_where_both_have_them() -> None:
    cycles = [1000 + step for step in range(10)]
    empty = {f"Empty call {CYCLES}": Count(10)}
    one = report(call("add", around(100), cycles), cycles=10_145, **empty)
    more = report(call("add", around(100), [each + 60 for each in cycles]), cycles=10_145, **empty)
    agreement = compare(one, more, 5.0)
    # What an empty call counts, and 100 cycles for each of the 1.25 us.
    assert agreement.window[CYCLES] == pytest.approx(10 + 125, rel=0.01)
    assert verdicts(agreement, CYCLES) == {"add": Verdict.SMALL}
    far = report(call("add", around(100), [each + 200 for each in cycles]), cycles=10_145, **empty)
    assert verdicts(compare(one, far, 5.0), CYCLES) == {"add": Verdict.DIFFERS}
    without = report(call("add", around(100)))
    assert compare(one, without).columns == (TIME,)


def test_counts_that_never_vary_are_not_tested() -> None:
    same = report(call("add", around(100), [7] * 10))
    agreement = compare(same, same)
    assert agreement.tested == 1  # the time
    assert verdicts(agreement, CYCLES) == {"add": Verdict.NOISE}
    header, _ = table(agreement)
    assert not any(CYCLES in each for each in header)


def test_where_the_calls_part() -> None:
    one = report(call("add", around(1)), call("relu", around(1)), call("exp", around(1)))
    other = report(call("add", around(1)), call("tanh", around(1)), call("exp", around(1)))
    agreement = compare(one, other)
    assert agreement.other_call == (
        "call 2 of 3 and 3 is relu(float32[1]) by vmprof, tanh(float32[1]) by tvm"
    )
    assert agreement.operators == ()
    shorter = report(call("add", around(1)))
    assert compare(one, shorter).other_call == (
        "call 2 of 3 and 1 is relu(float32[1]) by vmprof, nothing more by tvm"
    )


def test_what_an_engine_costs() -> None:
    times = Samples((100.0, 102.0, 900.0))
    one = report(
        call("add", around(100)), call("relu", around(50)), between=2.0,
        **{"Unprofiled mean (us)": Duration(102.0), "Unprofiled mean (us) samples": times},
    )  # fmt: skip
    header, rows = costs(compare(one, one))
    # The means over the middle halves, in which one slow run does not count.
    assert rows[0] == ["vmprof", "154.90", "102.00", "1.519", "2.000", "0.250"]
    assert len(header) == len(rows[0])
