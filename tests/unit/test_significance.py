"""The Mann-Whitney test against what it is by definition: counting all choices."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.compare import significance
from vmprof.compare.significance import holm, least_p_value, p_value

FEW = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=5)


def by_counting(before: list[float], after: list[float]) -> float:
    """The share of all ways to deal the values out whose U is as far from its mean."""

    def distance(first: tuple[int, ...], values: list[float]) -> float:
        others = [i for i in range(len(values)) if i not in first]
        u = sum(
            (values[i] > values[j]) + 0.5 * (values[i] == values[j]) for i in first for j in others
        )
        return abs(u - len(first) * len(others) / 2)

    values = [*before, *after]
    observed = distance(tuple(range(len(before))), values)
    choices = list(itertools.combinations(range(len(values)), len(before)))
    return sum(distance(choice, values) >= observed for choice in choices) / len(choices)


@given(FEW, FEW)
def test_exact_with_ties(before: list[float], after: list[float]) -> None:
    assert p_value(before, after) == pytest.approx(by_counting(before, after))
    assert p_value(after, before) == pytest.approx(p_value(before, after))


def test_known_values() -> None:
    # Tables of U: 5 and 5 that do not overlap, 2 of 252.
    assert p_value([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert p_value([1.0] * 4, [1.0] * 6) == 1.0
    assert p_value([], [1.0]) == 1.0
    assert least_p_value(3, 3) == pytest.approx(0.1)
    assert least_p_value(5, 5) == pytest.approx(2 / 252)
    assert least_p_value(1, 1) == 1.0


def test_the_normal_distribution_takes_over_smoothly(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = random.Random(7)
    for shift in (0.0, 0.3, 0.8):
        before = [round(generator.gauss(0, 1), 1) for _ in range(20)]
        after = [round(generator.gauss(shift, 1), 1) for _ in range(20)]
        exact = p_value(before, after)
        with monkeypatch.context() as patch:
            patch.setattr(significance, "MOST_EXACT", 0)
            assert p_value(before, after) == pytest.approx(exact, abs=0.005)


def test_false_alarms_are_as_rare_as_said() -> None:
    """Of samples that do not differ, at most 5 % come out below 5 %."""
    generator = random.Random(11)
    alarms = sum(
        p_value([generator.random() for _ in range(8)], [generator.random() for _ in range(8)])
        <= 0.05
        for _ in range(1000)
    )
    # The exact test is on the safe side: 8 and 8 reach 4.988 %. Three standard deviations.
    assert alarms <= 1000 * 0.05 + 3 * math.sqrt(1000 * 0.05 * 0.95)
    assert alarms > 20


def test_holm() -> None:
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
