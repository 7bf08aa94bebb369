"""The audit of our own reports on a busy machine: noise is no fault, a fault is no noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest

from vmprof import Report
from vmprof.compare.audit import Audit, Finding, Verdict, audit_report
from vmprof.compare.audit.finding import Held, judge_held
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row, Samples

TIME, CLOCK = "Duration (us)", "perf::TASK-CLOCK"
MEAN = "Unprofiled mean (us)"


class Busy:
    """A model run on a machine where others take the processor away, in some runs for long.

    ``repeats`` each of unprofiled, timed and counted runs; values are means over the middle
    half of them, ordered by Total.
    """

    def __init__(self, seed: int, repeats: int, *, empty_ns: int = 900, away: float = 0.02) -> None:
        generator = random.Random(seed)
        self.repeats = repeats
        self.empty_ns = empty_ns
        self._away = away
        self.operators = [generator.uniform(0.1, 0.9) for _ in range(10)]
        self.operators += [10 ** generator.uniform(0.5, 3) for _ in range(12)]
        self._random = generator
        self._how_busy = generator.choice([0.0, 0.2, 0.5, 0.9])

    def run(self) -> list[float]:
        """What each operator takes, and last what passes between them."""
        busy = self._random.random() < self._how_busy
        slower = self._random.uniform(1, 4) if busy else 1.0

        def taken(time: float) -> float:
            # Now and then another program runs for its turn.
            away = self._random.expovariate(1 / 200) if self._random.random() < self._away else 0.0
            return time * slower * self._random.uniform(1, 1.5) + away

        return [*map(taken, self.operators), taken(0.5 * len(self.operators))]

    def report(self, counted: Sequence[float] | None = None) -> Report:
        """``counted``, if given, is what the task clock counts of each operator."""
        plain = [sum(self.run()) for _ in range(self.repeats)]
        timed, runs = ([self.run() for _ in range(self.repeats)] for _ in range(2))
        clock = [[self.empty_ns + 1000 * time for time in run[:-1]] for run in runs]
        if counted is not None:
            clock = [
                [factor * ns for factor, ns in zip(counted, run, strict=True)] for run in clock
            ]
        kept, counted_kept = middle([*map(sum, timed)]), middle([*map(sum, clock)])
        total = fmean(sum(timed[i]) for i in kept)
        rows: list[Row] = []
        for number in range(len(self.operators)):
            times, counts = ([run[number] for run in each] for each in (timed, clock))
            time = fmean(times[i] for i in kept)
            rows.append(
                {
                    "Name": f"f{number}",
                    TIME: Duration(time),
                    f"{TIME} samples": Samples(tuple(times)),
                    "Percent": Percent(100 * time / total),
                    "Device": "cpu0",
                    "Count": Count(1),
                    CLOCK: Count(round(fmean(counts[i] for i in counted_kept))),
                    f"{CLOCK} samples": Samples(tuple(counts)),
                }
            )
        totals = tuple(map(sum, timed))
        configuration: dict[str, Metric] = {
            "Number of threads": Count(1),
            "Estimator": "mean over the middle half of the runs, ordered by Total",
            MEAN: Duration(fmean(plain[i] for i in middle(plain))),
            f"{MEAN} samples": Samples(tuple(plain)),
            "Empty call (us)": Duration(0.03),
            f"Empty call {CLOCK}": Count(self.empty_ns),
            "In no row (us)": Duration(fmean(timed[i][-1] for i in kept)),
        }
        whole = {"Name": "Total", TIME: Duration(total), f"{TIME} samples": Samples(totals)}
        return Report(tuple(rows), {"cpu0": whole}, configuration)


def middle(totals: Sequence[float]) -> list[int]:
    """The numbers of the middle half of the runs."""
    order = sorted(range(len(totals)), key=totals.__getitem__)
    cut = len(order) // 4
    return order[cut : len(order) - cut]


def found(audit: Audit, subject: str) -> Finding:
    (finding,) = [each for each in audit.findings if each.subject == subject]
    return finding


@pytest.mark.parametrize("repeats", [1, 2, 3, 5, 8, 30])
def test_noise_is_no_fault(repeats: int) -> None:
    told = set()
    for seed in range(25):
        audit = audit_report(Busy(seed, repeats).report())
        assert not audit.failed, seed
        told |= {finding.verdict for finding in audit.findings}
    # Of some values alone it would have been one.
    assert told == {Verdict.HOLDS, Verdict.UNDECIDED}


def test_a_fault_is_found_in_noise() -> None:
    for seed in range(10):
        busy = Busy(seed, 30)
        factors = [1.0] * len(busy.operators)
        factors[15] = 20.0
        audit = audit_report(busy.report(factors))
        assert found(audit, f"{CLOCK} in the time").verdict is Verdict.FAILS
        assert {finding.subject for finding in audit.failed} == {f"{CLOCK} in the time"}


def test_a_hidden_cost_is_found_in_noise() -> None:
    for seed in range(10):
        report = Busy(seed, 30, empty_ns=50_000, away=0.0).report()
        assert not audit_report(report).failed
        silent = {
            name: metric
            for name, metric in report.configuration.items()
            if name != f"Empty call {CLOCK}"
        }
        audit = audit_report(replace(report, configuration=silent))
        assert found(audit, f"cost of measuring {CLOCK}").verdict is Verdict.FAILS


def test_repeats_that_do_not_line_up_are_no_reason_to_trust_a_value() -> None:
    """A call that one run did not make has a repeat less."""
    report = Busy(2, 30).report()
    (total,) = report.device_metrics.values()
    longer = {**total, TIME: Duration(1e9)}  # nearly all of it in no row
    first, *others = report.calls
    samples = first[f"{TIME} samples"]
    assert isinstance(samples, Samples)
    fewer = {**first, f"{TIME} samples": Samples(samples.values[1:])}
    once = replace(report, calls=(fewer, *others), device_metrics={"cpu0": longer})
    assert found(audit_report(once), "in no row").verdict is Verdict.UNDECIDED


def test_too_few_repeats_say_so() -> None:
    busy = Busy(1, 3)
    audit = audit_report(busy.report([*[1.0] * 15, 20.0, *[1.0] * 6]))
    finding = found(audit, f"{CLOCK} in the time")
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.text.endswith("; too few repeats to tell it from noise: 3")


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (Held(1.0, 2.0), Verdict.HOLDS),
        (Held(3.0, 2.0), Verdict.FAILS),  # nobody repeated it
        (Held(3.0, 2.0, (), (2.0,) * 10), Verdict.UNDECIDED),  # repeats that cannot be lined up
        (Held(3.0, 2.0, (3.0,) * 10, (2.0,) * 10), Verdict.FAILS),
        (Held(3.0, 2.0, (3.0,), (2.0,)), Verdict.UNDECIDED),
        (Held(3.0, 2.0, (1.0, 9.0) * 10, (2.0, 3.0) * 10), Verdict.UNDECIDED),
    ],
)
def test_a_value_against_its_limit(held: Held, verdict: Verdict) -> None:
    assert judge_held("x", "", [held]).verdict is verdict


def test_what_is_over_without_repeats_fails_among_others() -> None:
    held = [Held(3.0, 2.0, (3.0,), (2.0,)), Held(3.0, 2.0)]
    assert judge_held("x", "", held).verdict is Verdict.FAILS


SUM = "Sum and In no row"


def in_no_row(report: Report, change_us: float) -> Report:
    left = report.configuration["In no row (us)"]
    assert isinstance(left, Duration)
    changed = {"In no row (us)": Duration(left.microseconds + change_us)}
    return replace(report, configuration={**report.configuration, **changed})


def test_sum_and_in_no_row_make_up_total() -> None:
    report = Busy(0, 30).report()
    assert found(audit_report(report), SUM).verdict is Verdict.HOLDS
    wrong = in_no_row(report, 1.0)
    assert found(audit_report(wrong), SUM).verdict is Verdict.FAILS
    # Reports of old took a median of each, and said nothing of it.
    old = {name: value for name, value in wrong.configuration.items() if name != "Estimator"}
    finding = found(audit_report(replace(wrong, configuration=old)), SUM)
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.text.endswith("; a median of each, which need not add up")


def test_rounding_is_no_fault() -> None:
    report = Busy(0, 30).report()

    def rounded(row: Row) -> Row:
        return {
            name: Duration(round(metric.microseconds, 2))
            if isinstance(metric, Duration)
            else metric
            for name, metric in row.items()
        }

    printed = Report(
        tuple(map(rounded, report.calls)),
        {device: rounded(row) for device, row in report.device_metrics.items()},
        rounded(report.configuration),
    )
    assert found(audit_report(printed), SUM).verdict is Verdict.HOLDS
    assert found(audit_report(in_no_row(printed, 0.5)), SUM).verdict is Verdict.FAILS


def of_one_row(time: float, total: float, **configuration: Metric) -> Report:
    row = {"Name": "f", TIME: Duration(time), "Device": "cpu0", "Count": Count(1)}
    return Report((row,), {"cpu0": {TIME: Duration(total)}}, configuration)


def test_rows_beyond_total_are_not_said_to_be_within() -> None:
    audit = audit_report(of_one_row(100_000, 97_780))
    finding = found(audit, "Total of cpu0")
    assert finding.verdict is Verdict.HOLDS
    assert finding.text == (
        "rows hold 100,000.00 Duration (us), Total 97,780.00: "
        "no more than rows and Total of different runs may differ by"
    )
    outside = found(audit, "in no row")
    assert outside.verdict is Verdict.UNDECIDED
    assert outside.text.startswith("-2,220.00 us, -2.3 % of Total")
    # Where all are means of the same runs, there is no such excuse.
    audit = audit_report(of_one_row(100_000, 97_780, Estimator="the same runs"))
    assert found(audit, "Total of cpu0").verdict is Verdict.FAILS


PEAKS: dict[str, Metric] = {"Peak GFLOP/s": Ratio(100.0), "Peak GB/s": Ratio(20.0)}


def rated(
    column: str, rate: float, *, shapes: str = "float32[8]", **configuration: Metric
) -> Audit:
    report = of_one_row(10.0, 12.0, **configuration)
    row = {**report.calls[0], column: Ratio(rate), "Argument Shapes": shapes}
    return audit_report(replace(report, calls=(row,)))


@pytest.mark.parametrize(
    ("column", "rate", "verdict"),
    [
        ("GFLOP/s", 99.0, Verdict.HOLDS),
        ("GFLOP/s", 105.0, Verdict.HOLDS),  # peaks are measured, too
        ("GFLOP/s", 200.0, Verdict.FAILS),
        ("GB/s", 19.0, Verdict.HOLDS),
        ("GB/s", 200.0, Verdict.UNDECIDED),  # a cache may give that
    ],
)
def test_rates_beyond_the_peaks(column: str, rate: float, verdict: Verdict) -> None:
    audit = rated(column, rate, **PEAKS)
    assert found(audit, f"{column} of the peak").verdict is verdict


def test_no_cache_gives_as_much_as_a_whole_table_in_no_time() -> None:
    audit = rated("GB/s", 61_920.0, **{"Number of threads": Count(1)})
    finding = found(audit, "GB/s at all")
    assert finding.verdict is Verdict.FAILS
    assert finding.text == (
        "1 of 1 rows move more than the 1,600 GB/s of the nearest cache; f: 61,920"
    )


def test_peaks_are_not_of_smaller_elements() -> None:
    audit = rated("GFLOP/s", 300.0, shapes="int8[8, 8]", **PEAKS)
    finding = found(audit, "GFLOP/s of the peak")
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.text.endswith("; the peak is of float32")


def test_shares_of_peaks_that_the_report_does_not_name() -> None:
    row = {"GB/s": Ratio(5.0), "% of peak GB/s": Percent(250.0)}
    report = of_one_row(10.0, 12.0)
    audit = audit_report(replace(report, calls=({**report.calls[0], **row},)))
    assert found(audit, "GB/s of the peak").verdict is Verdict.UNDECIDED
    without = rated("GB/s", 5.0)
    assert found(without, "GB/s of the peak").verdict is Verdict.UNDECIDED


def test_a_rate_of_noise_is_none() -> None:
    """Half of the repeats stray, so that the rate of the middle half says nothing."""
    report = of_one_row(10.0, 12.0, **PEAKS)
    times = Samples((9.0, 31.0) * 10)
    row = {**report.calls[0], f"{TIME} samples": times, "GFLOP/s": Ratio(120.0)}
    finding = found(audit_report(replace(report, calls=(row,))), "GFLOP/s of the peak")
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.text.endswith("; within what repeats differ by")


def test_what_reading_the_calls_inside_counts_is_in_the_row_around_them() -> None:
    """Of two hundred calls inside, 900 ns each: no more than the task clock can count."""
    empty: dict[str, Metric] = {f"Empty call {CLOCK}": Count(900), "Number of threads": Count(1)}
    inside = {"Name": "add", TIME: Duration(200.0), "Count": Count(200), CLOCK: Count(380_000)}
    around = {"Name": "invoke", TIME: Duration(10.0), "Count": Count(1), CLOCK: Count(190_000)}
    others = [
        {**inside, "Name": f"f{i}", "Count": Count(1), CLOCK: Count(200_900)} for i in range(9)
    ]
    nested = {**around, "Duration incl. (us)": Duration(210.0)}
    total = {"cpu0": {TIME: Duration(2100.0)}}
    subject = f"{CLOCK} in the time"
    audit = audit_report(Report((inside, nested, *others), total, empty))
    assert found(audit, subject).verdict is Verdict.HOLDS
    audit = audit_report(Report((inside, around, *others), total, empty))
    assert found(audit, subject).verdict is Verdict.FAILS


def test_columns_that_include_the_calls_inside() -> None:
    """Their windows are those of other columns: no cost of their own, no limit either."""
    report = Busy(0, 30).report()
    cycles = {"perf::CYCLES": Count(10), "perf::STALLED-CYCLES-BACKEND": Count(5)}
    inside = {f"{CLOCK} incl.": Count(10**9), "perf::STALLED-CYCLES-BACKEND incl.": Count(100)}
    nested = {**report.calls[20], **cycles, **inside, "Duration incl. (us)": Duration(1e6)}
    audit = audit_report(replace(report, calls=(*report.calls[:20], nested, *report.calls[21:])))
    assert not audit.failed
    assert not any("incl." in event for event in audit.costs)
    assert found(audit, "incl.").verdict is Verdict.HOLDS
    less = {**nested, "Duration incl. (us)": Duration(0.0)}
    audit = audit_report(replace(report, calls=(*report.calls[:20], less, *report.calls[21:])))
    assert {finding.subject for finding in audit.failed} == {"incl."}
