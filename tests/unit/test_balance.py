"""Sum + In no row = Total, whatever the runs were like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import COLUMNS, NO_TENSOR, TWO_TENSORS, Call, recording

from vmprof.report import Report
from vmprof.report.aggregate import merge_calls, sum_columns
from vmprof.report.balance import check_balance, imbalance
from vmprof.report.build import build_report
from vmprof.report.counted import CountedPass
from vmprof.report.estimator import middle_half, rounded_means
from vmprof.runs.run import Counts, Run
from vmprof.runs.work import ByThread
from vmprof.values import INCLUSIVE_DURATION, Count, Duration, Percent, Row, Samples

CALLEES = ("conv", "add", "invoke", "alloc")


@dataclass(frozen=True)
class Called:
    """A call, the function it is made in, and the calls inside it."""

    site: int
    shapes: int
    function: str
    inside: tuple[Called, ...] = ()


def calls(inside: st.SearchStrategy[tuple[Called, ...]]) -> st.SearchStrategy[tuple[Called, ...]]:
    one = st.builds(
        Called,
        st.integers(0, len(CALLEES) - 1),
        st.sampled_from([TWO_TENSORS, NO_TENSOR]),
        st.sampled_from(["main", "main > step"]),
        inside,
    )
    return st.lists(one, max_size=4).map(tuple)


PROGRAMS = st.recursive(st.just(()), calls, max_leaves=8)


def run_of(program: tuple[Called, ...], random: Random, *, skips: bool) -> Run:
    """A run of some microseconds, in which many calls are twice as slow; maybe not of all."""
    rows: list[Call] = []
    parents: list[int] = []
    paths: list[str] = []

    def make(called: Called, parent: int, begin: int) -> tuple[int, list[int]]:
        """When it ends, and what it counted."""
        if skips and random.random() < 0.2:
            return begin, [0, 0]
        number = len(rows)
        rows.append((called.site, called.shapes, begin, begin, [0, 0]))
        parents.append(parent)
        paths.append(called.function)
        own = random.randint(0, 1000) * (2 if random.random() < 0.4 else 1)
        end, counts = begin + own, [3 * own, random.randint(0, 1)]
        for inner in called.inside:
            end, more = make(inner, number, end + random.randint(0, 20))
            counts = [a + b for a, b in zip(counts, more, strict=True)]
        rows[number] = (called.site, called.shapes, begin, end, counts)
        return end, counts

    end, total = 0, [random.randint(0, 5000), random.randint(0, 2)]
    for called in program:
        end, counts = make(called, -1, end + random.randint(0, 50))
        total = [a + b for a, b in zip(total, counts, strict=True)]
    end += random.randint(1, 100)
    return recording(rows, (end, total), parents=parents, paths=paths)


def by_threads(run: Run, random: Random) -> Run:
    """``run``, the work of whose innermost calls was that of three threads."""
    assert run.counts is not None
    leaves = np.array([i for i in range(len(run.sites)) if i not in run.parents], dtype=np.int64)
    parts = np.zeros((len(leaves), 3, len(COLUMNS)), dtype=np.int64)
    for place, row in enumerate(leaves):
        for column, value in enumerate(run.counts.values[row].tolist()):
            cuts = sorted(random.randint(0, value) for _ in range(2))
            parts[place, :, column] = np.diff([0, *cuts, value])
    threads = ByThread(np.array([1, 7, 5]), leaves, parts)
    counts = Counts(run.counts.values, run.counts.total, by_thread=threads if len(leaves) else None)
    return replace(run, counts=counts)


def report_of(timed: list[Run], counted: list[Run]) -> Report:
    return build_report(
        sites=CALLEES,
        device="cpu0",
        timed=timed,
        passes=[CountedPass(COLUMNS, counted)],
        collected=[],
        per_run=[],
        refused={},
        configuration={},
    )


@given(PROGRAMS, st.integers(1, 12), st.integers(1, 12), st.booleans(), st.integers(0, 2**32))
def test_every_report_adds_up(
    program: tuple[Called, ...], timed: int, counted: int, skips: bool, seed: int
) -> None:
    random = Random(seed)
    runs = [run_of(program, random, skips=skips) for _ in range(timed)]
    counting = [by_threads(run_of(program, random, skips=skips), random) for _ in range(counted)]
    report = report_of(runs, counting)
    differences = imbalance(report)
    assert set(differences) == {"Duration (us)", *COLUMNS}
    assert differences["Duration (us)"] == pytest.approx(0, abs=1e-9)
    assert [differences[column] for column in COLUMNS] == [0, 0]
    # By operator, and by call path, it is the same sum.
    (total,) = report.device_metrics.values()
    for by_path in (False, True):
        rows = merge_calls(report.calls, by_path=by_path)
        assert imbalance(replace(report, calls=tuple(rows))) == pytest.approx(differences, abs=1e-9)
        if rows:
            shares = sum_columns(rows)["Percent"]
            assert isinstance(shares, Percent)
            outside = report.configuration["In no row (us)"]
            rest = 100 * microseconds(outside) / microseconds(total["Duration (us)"])
            assert shares.percent + rest == pytest.approx(100)
    for call in report.calls:
        threads = call.get("perf::CYCLES per thread")
        if isinstance(threads, Samples):
            assert Count(int(sum(threads.values))) == call["perf::CYCLES"]


@given(PROGRAMS, st.integers(1, 8), st.integers(0, 2**32))
def test_what_is_inclusive_holds_the_rows_inside(
    program: tuple[Called, ...], number: int, seed: int
) -> None:
    random = Random(seed)
    runs = [run_of(program, random, skips=False) for _ in range(number)]
    report = report_of(runs, runs)
    parents = runs[0].parents.tolist()
    for row, call in enumerate(report.calls):
        inside: list[Row] = [call]
        for other, each in enumerate(report.calls):
            around = parents[other]
            while around >= 0 and around != row:
                around = parents[around]
            inside += [each] if around == row else []
        if INCLUSIVE_DURATION in call:
            sums = sum_columns(inside)
            assert call["perf::CYCLES incl."] == sums["perf::CYCLES"]
            time = microseconds(sums["Duration (us)"])
            assert microseconds(call[INCLUSIVE_DURATION]) == pytest.approx(time)


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=40))
def test_the_middle_half_is_half_of_the_runs_between_two_quarters(totals: list[int]) -> None:
    kept = middle_half(totals)
    outside = sorted(set(range(len(totals))) - set(kept.tolist()), key=lambda run: totals[run])
    assert len(outside) == 2 * ((len(totals) + 1) // 4)
    low, high = outside[: len(outside) // 2], outside[len(outside) // 2 :]
    assert all(totals[a] <= totals[b] <= totals[c] for a in low for b in kept for c in high)


@given(
    st.integers(1, 9).flatmap(
        lambda runs: st.lists(
            st.lists(st.integers(-(2**40), 2**40), min_size=runs, max_size=runs), min_size=1
        )
    ),
    st.integers(0, 2**40),
)
def test_rounded_means_add_up_and_are_near(parts: list[list[int]], before: int) -> None:
    values = np.array(parts, dtype=np.int64).T
    means = rounded_means(values, before)
    exact = values.mean(axis=0)
    assert (np.abs(means - exact) < 1 + 1e-3).all()
    whole = values.sum(axis=1).mean() + before / len(values)
    assert abs(means.sum() - (whole - before / len(values))) < 1 + 1e-3
    constant = (values == values[0]).all(axis=0)
    assert (means[constant] == values[0][constant]).all()


def test_an_imbalance_is_found() -> None:
    random = Random(1)
    program = (Called(0, NO_TENSOR, "main"), Called(1, NO_TENSOR, "main"))
    runs = [run_of(program, random, skips=False) for _ in range(5)]
    report = report_of(runs, runs)
    check_balance(report)
    first, second = report.calls
    wrong = {**first, "perf::CYCLES": Count(number(first, "perf::CYCLES") + 1)}
    with pytest.raises(
        AssertionError, match="perf::CYCLES: rows, In no row and Total differ by -1"
    ):
        check_balance(replace(report, calls=(wrong, second)))
    slow = {**first, "Duration (us)": Duration(microseconds(first["Duration (us)"]) + 0.01)}
    with pytest.raises(AssertionError, match=r"Duration \(us\): rows, In no row and Total differ"):
        check_balance(replace(report, calls=(slow, second)))
    # What does not say it, such as a report of TVM's, is not asked; nor one of two devices.
    assert imbalance(replace(report, configuration={})) == {}
    assert imbalance(replace(report, device_metrics={"a": {}, "b": {}})) == {}


def microseconds(metric: object) -> float:
    assert isinstance(metric, Duration)
    return metric.microseconds


def number(row: Row, column: str) -> int:
    metric = row[column]
    assert isinstance(metric, Count)
    return metric.value
