"""Is a report believable: reference reports of TVM, reports with planted faults, our own."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof import Report
from vmprof.compare.audit import Audit, Verdict, audit_report, corrected_report
from vmprof.compare.audit.corrected import corrected_sum
from vmprof.compare.audit.data import to_json
from vmprof.compare.audit.disturbance import slowdown
from vmprof.compare.audit.fit import fit_cost
from vmprof.compare.audit.text import parts_of, summary
from vmprof.compare.diff import diff_reports
from vmprof.compare.diff import text as diff_text
from vmprof.compare.parts import plain
from vmprof.compare.readers import SavedReport, parse_reports, read_reports
from vmprof.report.derive import derive
from vmprof.values import Count, Derived, Duration, Metric, Percent, Ratio, Row, Samples

DATA = Path(__file__).parents[1] / "data"
DOCS = Path(__file__).parents[2] / "docs"
CYCLES, INSTRUCTIONS, MISSES = "perf::CYCLES", "perf::INSTRUCTIONS", "perf::CACHE-MISSES"
TIME = "Duration (us)"

# Total over mean of the eleven reports, as anybody can divide them.
SLOWDOWNS = {
    "resnet18": 9.34,
    "resnet50": 10.53,
    "vgg11": 2.11,
    "vgg16": 2.44,
    "squeezenet1.0": 31.36,
    "squeezenet1.1": 44.46,
    "mobilenet": 24.52,
    "densenet": 24.72,
    "inception_v3": 8.98,
    "mlp": 144.40,
    "unknown": 1.55,
}


@pytest.fixture(scope="module")
def relay() -> dict[str, SavedReport]:
    return {
        str(saved.model): saved for saved in read_reports(DATA / "tvm-relay-vm-papi-reports.txt")
    }


@pytest.fixture(scope="module")
def audits(relay: dict[str, SavedReport]) -> dict[str, Audit]:
    return {model: audit_report(saved.report, saved.printed_sum) for model, saved in relay.items()}


def verdicts(audit: Audit) -> dict[str, Verdict]:
    return {finding.subject: finding.verdict for finding in audit.findings}


def failed(audit: Audit) -> set[str]:
    return {finding.subject for finding in audit.failed}


@pytest.mark.parametrize("model", SLOWDOWNS)
def test_what_papi_cost_in_the_reference_reports(model: str, audits: dict[str, Audit]) -> None:
    """2.1 to 2.6 million cycles, 0.75 million instructions: in each row, per call."""
    audit = audits[model]
    assert {
        f"cost of measuring {CYCLES}",
        f"cost of measuring {INSTRUCTIONS}",
        "cost of measuring perf::STALLED-CYCLES-BACKEND",
        "cost of measuring perf::STALLED-CYCLES-FRONTEND",
        f"{CYCLES} in the time",
        "slowdown",
    } <= failed(audit)
    cycles, instructions = audit.costs[CYCLES], audit.costs[INSTRUCTIONS]
    assert 2.1e6 < cycles.per_call - cycles.spread < cycles.per_call + cycles.spread < 2.6e6
    assert 0.68e6 < instructions.per_call < 0.78e6
    # The fit over all rows is of other rows, mostly, and of another kind.
    assert cycles.over_all == pytest.approx(cycles.per_call, rel=0.03)
    assert instructions.over_all == pytest.approx(instructions.per_call, rel=0.02)
    slow = slowdown(audit.report)
    assert slow is not None
    assert slow.factor == pytest.approx(SLOWDOWNS[model], abs=0.005)


def test_what_is_right_in_the_reference_reports(audits: dict[str, Audit]) -> None:
    for audit in audits.values():
        found = verdicts(audit)
        for subject in ("Count", "Percent", "Sum", "Total of cpu0", f"{CYCLES} at zero"):
            assert found[subject] is Verdict.HOLDS
        assert found[f"{INSTRUCTIONS} per {CYCLES}"] is Verdict.HOLDS
        assert not audit.is_believable


def test_the_share_of_the_cost_in_densenet(audits: dict[str, Audit]) -> None:
    (finding,) = [
        f for f in audits["densenet"].findings if f.subject.endswith(f"measuring {CYCLES}")
    ]
    assert ", 62 % of Sum" in finding.text


def test_durations_beyond_the_whole_model(audits: dict[str, Audit]) -> None:
    """Rows that add up to 15 times what the model takes; those of resnet18 do not."""
    found = "rows against the unprofiled mean"
    assert found in failed(audits["squeezenet1.0"])
    assert found not in failed(audits["resnet18"])


def planted(
    cost: float, *, noise: float = 0.0, rate: float = 2000.0, seed: int = 3, **settings: Metric
) -> Report:
    """Forty operators, twenty of them near-empty, of which each call cost that much to measure."""
    generator = random.Random(seed)
    times = [generator.uniform(0.1, 0.9) for _ in range(20)]
    times += [10 ** generator.uniform(0.5, 4) for _ in range(20)]
    rows: list[Row] = []
    for number, time in enumerate(times):
        calls = generator.randint(1, 9)
        own = rate * generator.uniform(0.7, 1.3) * time
        measured = own + cost + generator.gauss(0, noise)
        rows.append(
            {
                "Name": f"f{number}",
                TIME: Duration(calls * time),
                "Device": "cpu0",
                "Count": Count(calls),
                CYCLES: Count(max(0, round(calls * measured))),
            }
        )
    total = 1.02 * sum(row[TIME].microseconds for row in rows)  # type: ignore[union-attr]
    rows = [
        {**row, "Percent": Percent(100 * row[TIME].microseconds / total)}  # type: ignore[union-attr]
        for row in rows
    ]
    return Report(
        tuple(rows),
        {"cpu0": {"Name": "Total", TIME: Duration(total), "Count": Count(1)}},
        {
            "Number of threads": Count(1),
            "Unprofiled mean (us)": Duration(total / 1.05),
            "Unprofiled std (us)": Duration(total / 100),
            **settings,
        },
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cost", [50_000.0, 2_400_000.0])
def test_a_planted_cost_is_found(cost: float, seed: int) -> None:
    audit = audit_report(planted(cost, noise=0.02 * cost, seed=seed))
    found = audit.costs[CYCLES]
    assert found.is_hidden
    # The median of twenty rows with that spread: within three of its standard errors.
    assert found.per_call == pytest.approx(cost, abs=3 * 1.2533 * 0.02 * cost / 20**0.5 + 500)
    assert 0.4 * 0.02 * cost < found.spread < 2 * 0.02 * cost + 500
    assert found.near_empty == 20
    assert failed(audit) == {f"cost of measuring {CYCLES}", f"{CYCLES} in the time"}


def test_no_cost_is_found_where_none_is() -> None:
    for seed in range(20):
        audit = audit_report(planted(0.0, seed=seed))
        assert audit.is_believable, audit.failed


def test_a_cost_that_the_report_declares_is_no_fault() -> None:
    declared: dict[str, Metric] = {f"Empty call {CYCLES}": Count(3000)}
    audit = audit_report(planted(3500.0, noise=100.0, **declared))
    assert audit.is_believable, audit.failed
    assert audit.costs[CYCLES].correction == 3000
    assert audit.costs[CYCLES].uncertainty == pytest.approx(500, rel=0.5)
    # But more than as much again is hidden.
    audit = audit_report(planted(9000.0, noise=100.0, **declared))
    assert f"cost of measuring {CYCLES}" in failed(audit)


def test_exact_counters_agree_with_what_the_report_declares() -> None:
    """On an emulated processor that counts exactly: a cycle each nanosecond."""
    (saved,) = read_reports(DOCS / "data/reports" / "mlp-emulated-arm.json")
    audit = audit_report(saved.report)
    assert audit.is_believable, audit.failed
    for event, rate in ((CYCLES, 1000), (INSTRUCTIONS, 500), ("perf::TASK-CLOCK", 1000)):
        cost = audit.costs[event]
        assert cost.rate == pytest.approx(rate, rel=0.001)
        # An empty call is 0.16 us, and that time's cycles are no cost of measuring.
        assert cost.per_call == pytest.approx(cost.declared_cost, abs=max(3, cost.spread))
        assert cost.spread <= 3


def test_few_rows_tell_nothing() -> None:
    report = planted(2e6)
    few = replace(report, calls=report.calls[:2] + report.calls[20:25])
    audit = audit_report(few)
    assert verdicts(audit)[f"cost of measuring {CYCLES}"] is Verdict.UNDECIDED


def test_without_near_empty_rows_the_line_tells() -> None:
    report = planted(2e6, noise=1e4)
    cost = fit_cost(CYCLES, report.calls[20:])
    assert cost is not None
    assert cost.near_empty == 0
    assert cost.per_call == pytest.approx(2e6, rel=0.05)
    assert cost.is_hidden


def test_correcting_gives_back_what_was_there() -> None:
    clean, report = planted(0.0), planted(2e6, noise=2e4)
    audit = audit_report(report)
    corrected = corrected_report(report, audit.rows, audit.costs)
    own = {row["Name"]: row[CYCLES] for row in clean.calls}
    told = [row for row in corrected.calls if CYCLES in row]
    assert 5 <= len(told) < 40
    for row in told:
        metric, count = own[row["Name"]], row["Count"]
        assert isinstance(metric, Count)
        assert isinstance(count, Count)
        assert isinstance(row[CYCLES], Count)
        # Four standard deviations; that of the planted noise is per row.
        room = 4 * audit.costs[CYCLES].uncertainty * count.value
        assert row[CYCLES].value == pytest.approx(metric.value, abs=room)  # type: ignore[union-attr]
    # Near-empty rows are lost in it, and say nothing rather than something wrong.
    assert not [row for row in told if row[TIME].microseconds < 3]  # type: ignore[union-attr]
    whole = corrected_sum(audit.rows, audit.costs[CYCLES])
    truth = sum(metric.value for metric in own.values() if isinstance(metric, Count))
    assert whole.value == pytest.approx(truth, abs=4 * whole.uncertainty)
    assert CYCLES not in corrected.device_metrics["cpu0"]
    assert "less 2,00" in str(corrected.configuration[f"Corrected {CYCLES}"])
    assert Report.from_json(corrected.json()) == corrected


def changed(report: Report, number: int, **cells: Metric) -> Report:
    calls = list(report.calls)
    calls[number] = {**calls[number], **cells}
    return replace(report, calls=tuple(calls))


@pytest.mark.parametrize(
    ("cells", "subject"),
    [
        ({"Percent": Percent(50.0)}, "Percent"),
        ({"Count": Count(0)}, "Count"),
        ({CYCLES: Count(0)}, f"{CYCLES} at zero"),
        ({CYCLES: Count(10**12)}, f"{CYCLES} in the time"),
        ({INSTRUCTIONS: Count(10**12)}, f"{INSTRUCTIONS} per {CYCLES}"),
        (
            {"perf::STALLED-CYCLES-BACKEND": Count(10**12)},
            f"perf::STALLED-CYCLES-BACKEND per {CYCLES}",
        ),
    ],
)
def test_planted_faults(cells: dict[str, Metric], subject: str) -> None:
    assert failed(audit_report(changed(planted(0.0), 39, **cells))) == {subject}


def test_rows_beyond_total() -> None:
    report = planted(0.0)
    total = {"cpu0": {**report.device_metrics["cpu0"], CYCLES: Count(1000)}}
    audit = audit_report(replace(report, device_metrics=total))
    assert failed(audit) == {"Total of cpu0"}


def test_a_sum_that_is_none() -> None:
    (saved,) = read_reports(DATA / "tvm-0.23-mlp" / "table.txt")
    assert saved.printed_sum is not None
    assert audit_report(saved.report, saved.printed_sum).is_believable
    wrong = {**saved.printed_sum, TIME: Duration(105.70)}
    (finding,) = audit_report(saved.report, wrong).failed
    assert (finding.subject, finding.text) == ("Sum", f"{TIME} is 105.70, the rows give 105.47")


def test_a_missing_row_shows_in_the_sum(relay: dict[str, SavedReport]) -> None:
    saved = relay["mlp"]
    audit = audit_report(replace(saved.report, calls=saved.report.calls[1:]), saved.printed_sum)
    assert "Sum" in failed(audit)


@pytest.mark.parametrize(
    ("mean", "verdict"), [(1 / 3, Verdict.FAILS), (0.9, Verdict.HOLDS), (None, Verdict.UNDECIDED)]
)
def test_slowdown(mean: float | None, verdict: Verdict) -> None:
    report = planted(0.0)
    total = report.device_metrics["cpu0"][TIME]
    assert isinstance(total, Duration)
    configuration = dict(report.configuration)
    del configuration["Unprofiled mean (us)"]
    if mean is not None:
        configuration["Unprofiled mean (us)"] = Duration(total.microseconds * mean)
    audit = audit_report(replace(report, configuration=configuration))
    assert verdicts(audit)["slowdown"] is verdict


def test_rounding_of_the_mean_is_said(relay: dict[str, SavedReport]) -> None:
    slow = slowdown(relay["mlp"].report)
    assert slow is not None
    assert (round(slow.low, 2), round(slow.high, 2)) == (134.77, 155.50)


def test_reports_with_little_in_them() -> None:
    for report in (
        Report((), {}, {}),
        Report(({"Name": "f"},), {}, {}),
        Report(({"Name": "f", CYCLES: Count(5)},), {"cpu0": {}}, {}),
        Report(({"Name": "f", TIME: Duration(0.0), "Count": Count(1)},), {"": {}}, {}),
        Report(
            ({"Name": "f", TIME: Duration(0.0), "Count": Count(1)},),
            {"": {TIME: Duration(0.0)}},
            {},
        ),
    ):
        audit = audit_report(report)
        assert plain(parts_of(audit, "r")).startswith("r: ")
        assert len(summary([("r", audit)])[1]) == 1


def test_the_text(audits: dict[str, Audit]) -> None:
    lines = plain(parts_of(audits["mlp"], "mlp")).split("\n")
    assert lines[0] == "mlp: not believable, 7 of 19 checks fail"
    grid = [line for line in lines if line.startswith(("VM::AllocTensor", "Sum "))]
    first = grid[0].split()
    assert first[:9] == [
        *("VM::AllocTensor", "float32[1,", "10]", "1.09", "2"),
        *("4,655,642", "29,042", "17,438", "1,469,767"),
    ]
    assert grid[-1].split()[:4] == ["Sum", "41.08", "22", "51,990,137"]


def test_the_summary(audits: dict[str, Audit]) -> None:
    header, rows = summary([*audits.items()][-2:])
    assert header == [
        *("Report", "Calls", "Slowdown", "In no row", f"{CYCLES} per call"),
        f"{INSTRUCTIONS} per call",
        "perf::STALLED-CYCLES-BACKEND per call",
        "perf::STALLED-CYCLES-FRONTEND per call",
        "Checks failed",
    ]
    assert rows[0][:5] == ["mlp", "22", "144.40", "99.6 %", "2,313,300 ± 8,719"]


def test_json(audits: dict[str, Audit]) -> None:
    (document,) = json.loads(to_json([("mlp", audits["mlp"])]))
    assert document["report"] == "mlp"
    assert document["believable"] is False
    assert {
        "check": "Count",
        "verdict": "holds",
        "found": "10 of 10 rows say how many calls they hold",
    } in document["findings"]
    assert document["costs"][CYCLES]["hidden"] is True
    assert document["costs"][CYCLES]["declared"] is None
    assert round(document["costs"][CYCLES]["per_call"]) == 2_313_300


def test_derived_columns_are_no_sums() -> None:
    share = Derived("Busy (%)", "cycles / 1000000", "percent", {"cycles": CYCLES})
    report = derive(planted(0.0), [share])
    assert audit_report(report).is_believable
    (saved,) = parse_reports(report.table(), "t")
    assert saved.printed_sum is not None
    assert "Busy (%)" in saved.report.calls[0]
    assert audit_report(saved.report, saved.printed_sum).is_believable
    # Corrected counts give other shares.
    costly = derive(planted(2e6), [share])
    audit = audit_report(costly)
    row = corrected_report(costly, audit.rows, audit.costs).calls[39]
    cycles, busy = row[CYCLES], row["Busy (%)"]
    assert isinstance(cycles, Count)
    assert busy == Percent(100 * cycles.value / 1_000_000)


NUMBERS = st.floats(allow_infinity=True, allow_nan=True)
ANY: st.SearchStrategy[Metric] = st.one_of(
    st.text(max_size=3),
    st.integers(-5, 10**18).map(Count),
    NUMBERS.map(Duration),
    NUMBERS.map(Percent),
    st.floats(-1e30, 1e30).map(Ratio),
    st.lists(NUMBERS, max_size=3).map(lambda values: Samples(tuple(values))),
)
ROW = st.dictionaries(
    st.sampled_from(
        [
            *("Name", TIME, f"{TIME} samples", "Duration incl. (us)", "Count", "Percent", "Device"),
            *(CYCLES, f"{CYCLES} samples", f"{CYCLES} incl.", "GFLOP/s", "GB/s"),
        ]
    ),
    ANY,
)


@given(
    st.builds(
        Report,
        calls=st.lists(ROW, max_size=12).map(tuple),
        device_metrics=st.dictionaries(st.sampled_from(["", "cpu0"]), ROW),
        configuration=st.dictionaries(
            st.sampled_from(
                [
                    *("Unprofiled mean (us)", "Unprofiled mean (us) samples", "Number of threads"),
                    *(f"Empty call {CYCLES}", "In no row (us)", f"In no row {CYCLES}", "Estimator"),
                    *("Peak GFLOP/s", "Peak GB/s"),
                ]
            ),
            ANY,
        ),
    )
)
def test_whatever_is_in_a_report(report: Report) -> None:
    """Nonsense is judged, not stumbled over."""
    audit = audit_report(report)
    assert plain(parts_of(audit, "r"))
    assert to_json([("r", audit)])
    assert corrected_report(report, audit.rows, audit.costs).json()
    assert plain(diff_text.parts_of(diff_reports(report, report), "r", "r"))
