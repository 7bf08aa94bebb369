"""Whether repeats drift, against all orders that there are."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.report.trend import p_of_trend, trend_of

TIMES = st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=40)


def agreement(values: tuple[int, ...]) -> int:
    pairs = [(a, b) for place, a in enumerate(values) for b in values[place + 1 :]]
    return abs(sum(1 if b > a else -1 for a, b in pairs))


@pytest.mark.parametrize("number", range(2, 7))
def test_the_chance_is_the_share_of_all_orders(number: int) -> None:
    orders = [*permutations(range(number))]
    for values in orders:
        extreme = sum(agreement(other) >= agreement(values) for other in orders)
        assert p_of_trend(values) == pytest.approx(extreme / len(orders))


@given(TIMES)
def test_backwards_and_larger_is_the_same(values: list[float]) -> None:
    assert p_of_trend(values) == p_of_trend(values[::-1]) == p_of_trend([2 * v for v in values])
    assert 0 < p_of_trend(values) <= 1


@given(st.integers(6, 200), st.booleans())
def test_what_rises_throughout_is_no_chance(number: int, falls: bool) -> None:
    values = [1 + place / number for place in range(number)]
    trend = trend_of(values[::-1] if falls else values)
    assert trend is not None
    assert trend.p < 0.01
    assert (trend.percent < 0) == falls


@given(st.floats(1e-3, 1e6), st.integers(3, 100))
def test_what_stays_as_it_is_has_none(value: float, number: int) -> None:
    trend = trend_of([value] * number)
    assert trend is not None
    assert (trend.percent, trend.p) == (0, 1)


@pytest.mark.parametrize("step", [5, 7, 11, 13])
def test_of_many_repeats_the_normal_distribution_is_as_good(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [place % step + place / 30 for place in range(60)]
    exact = p_of_trend(values)
    monkeypatch.setattr("vmprof.report.trend._MOST_EXACT", 59)
    assert p_of_trend(values) == pytest.approx(exact, rel=0.05, abs=1e-4)


def test_noise_is_taken_for_a_trend_in_one_of_a_hundred_runs() -> None:
    """Whatever their distribution: times with a long tail, as many as the repeats of a run."""
    generator = random.Random(17)
    runs = [[1 + generator.expovariate(10) ** 2 for _ in range(30)] for _ in range(2000)]
    assert 10 <= sum(p_of_trend(times) <= 0.01 for times in runs) <= 30


def test_too_few_to_tell() -> None:
    assert trend_of([1.0, 2.0]) is None
    assert trend_of([0.0, 1.0, 2.0]) is None
    five = trend_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert five is not None
    assert five.p > 0.01
