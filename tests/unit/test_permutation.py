"""The permutation test against what it is by definition, and how often it is mistaken."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.compare import permutation
from vmprof.compare.diff import TIME, Sureness, diff_reports
from vmprof.compare.permutation import Starts, chances, enough_starts, least_chance
from vmprof.compare.significance import t_chance
from vmprof.report.model import Report
from vmprof.values import Count, Duration, Samples

SIDE = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=4)


def by_counting(before: list[float], after: list[float]) -> float:
    """The share of all ways to deal the values out whose means are as far apart."""
    values = [*before, *after]

    def distance(chosen: tuple[int, ...]) -> float:
        first = [values[i] for i in chosen]
        return abs(sum(first) - len(first) * sum(values) / len(values))

    observed = distance(tuple(range(len(before))))
    if observed < 1e-9:
        return 1.0
    ways = [*itertools.combinations(range(len(values)), len(before))]
    return sum(distance(way) >= observed - 1e-9 for way in ways) / len(ways)


@given(SIDE, SIDE)
def test_one_row_by_counting(before: list[float], after: list[float]) -> None:
    (p,) = chances([Starts((*before,), (*after,))])
    assert p == pytest.approx(by_counting(before, after))
    assert p >= least_chance(len(before), len(after)) - 1e-9


@given(st.lists(st.tuples(*[st.floats(1, 9)] * 6), min_size=1, max_size=6))
def test_more_rows_are_never_surer(values: list[tuple[float, ...]]) -> None:
    rows = [Starts(each[:3], each[3:]) for each in values]
    alone = [chances([row])[0] for row in rows]
    together = chances(rows)
    assert all(p >= q - 1e-9 for p, q in zip(together, alone, strict=True))
    # Rows that say the same count once.
    assert chances([*rows, *rows]) == pytest.approx([*together, *together])


def test_how_many_starts_it_takes() -> None:
    assert enough_starts(0.01) == 5
    assert enough_starts(0.05) == 4
    assert least_chance(5, 5) == pytest.approx(2 / 252)
    assert least_chance(3, 9) == pytest.approx(1 / 220)
    assert least_chance(0, 9) == 1.0


def test_what_is_no_number_tells_nothing() -> None:
    rows = [Starts((1.0, float("nan")), (9.0, 9.0)), Starts((1.0, 1.0), (1.0, 1.0))]
    assert chances(rows) == [1.0, 1.0]
    assert chances([]) == []


def test_drawn_ways_are_near_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = random.Random(3)
    rows = [
        Starts(
            tuple(generator.gauss(0, 1) for _ in range(6)),
            tuple(generator.gauss(shift, 1) for _ in range(6)),
        )
        for shift in (0.0, 1.0, 3.0)
    ]
    exact = chances(rows)
    monkeypatch.setattr(permutation, "_MOST_EXACT", 10_000)
    assert chances(rows) == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(12.7062, 1, 0.05), (4.3027, 2, 0.05), (5.0413, 8, 0.001)]
)
def test_students_table(t: float, freedom: int, p: float) -> None:
    assert t_chance(t, 1.0, freedom) == pytest.approx(p, rel=1e-3)
    assert t_chance(-t, 1.0, freedom) == pytest.approx(p, rel=1e-3)
    assert t_chance(0.0, 1.0, freedom) == 1.0
    assert t_chance(1.0, 0.0, freedom) == pytest.approx(0.0, abs=1e-12)


def start(generator: random.Random, hour: float, slower: float = 1.0) -> Report:
    """A start of a program of three operators, at an ``hour`` that slows all by so much."""
    common = hour * (1.2 if generator.random() < 0.5 else 1.0)  # where memory happens to lie
    calls = []
    for number in range(3):
        of_start = common * generator.lognormvariate(0, 0.05) * (slower if number == 0 else 1)
        times = [100 * of_start * generator.lognormvariate(0, 0.01) for _ in range(8)]
        calls.append(
            {
                "Name": f"f{number}",
                TIME: Duration(sum(times) / 8),
                f"{TIME} samples": Samples(tuple(times)),
                "Count": Count(1),
            }
        )
    return Report(tuple(calls), {}, {})


def alarms(before: list[Report], after: list[Report], *, in_turn: bool) -> set[str]:
    diff = diff_reports(before, after, in_turn=in_turn)
    return {
        operator.name
        for operator in diff.operators
        if operator.changes[TIME].sureness is Sureness.REAL
    }


@pytest.mark.parametrize("count", [1, 3, 5])
def test_no_alarm_where_only_starts_differ(count: int) -> None:
    """In random order at most 1 of 100, by construction, whatever the noise; here of 300."""
    generator = random.Random(11)
    found = 0
    for _ in range(300):
        # A machine that gets ever slower, then fast again, as none should.
        made = [start(generator, 1 + 0.3 * (place % 4)) for place in range(2 * count)]
        generator.shuffle(made)
        found += bool(alarms(made[:count], made[count:], in_turn=True))
    # 300 draws of 1 of 100 are beyond 9 in 1 of 1000 cases.
    assert found <= 9


def test_no_alarm_where_the_hour_differs() -> None:
    """One side after the other, each at an hour of its own, no more unlike than starts are."""
    generator = random.Random(12)
    found = 0
    for _ in range(200):
        hours = [generator.lognormvariate(0, 0.08) for _ in range(2)]
        sides = [[start(generator, hour) for _ in range(5)] for hour in hours]
        found += bool(alarms(*sides, in_turn=False))
    assert found <= 7


def test_what_is_slower_is_found() -> None:
    generator = random.Random(13)
    found = 0
    for _ in range(20):
        before = [start(generator, 1.0) for _ in range(8)]
        after = [start(generator, 1.0, slower=1.5) for _ in range(8)]
        found += "f0" in alarms(before, after, in_turn=True)
    assert found >= 18
