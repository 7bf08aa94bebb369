"""When warm-up has settled, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.record.rounds.options import Rounds
from vmprof.record.rounds.settling import MOST_ROUNDS, Settling


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [0.0]
    monkeypatch.setattr("vmprof.record.rounds.settling.time.monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def warmed(times: Sequence[float], asked: int | None = None) -> Settling:
    """After as many rounds as it wants, which take ``times``."""
    settling = Settling(asked)
    left = iter(times)
    while settling.goes_on:
        settling.add(next(left))
    return settling


@pytest.mark.parametrize(
    ("times", "rounds"),
    [
        ([9, 9, 9, 9], 3),
        ([9, 9, 8, 8, 8, 8], 5),
        ([90, 50, 30, 20, 19.9, 19.8, 19.7], 6),
        ([9, 80, 12, 9], 3),  # others ran: nothing was faster
        ([100, 99, 98.5, 98], 3),  # by less than 2 %
    ],
)
def test_it_ends_when_nothing_gets_faster(times: list[float], rounds: int) -> None:
    settling = warmed(times)
    assert len(settling.rounds) == rounds
    assert settling.told == "yes"


def test_it_does_not_go_on_for_ever() -> None:
    settling = warmed([1000 * 0.9**number for number in range(100)])
    assert len(settling.rounds) == MOST_ROUNDS
    assert settling.told == "no: the last of 20 rounds was 10 % faster than any before"
    settling = warmed([*[1000 * 0.9**number for number in range(19)], 1000])
    assert settling.told == "no: it became faster until the last but one of 20 rounds"


def test_long_rounds_are_few(pass_time: Callable[[float], None]) -> None:
    settling = Settling(None)
    for seconds in (0.9, 1.2):
        assert settling.goes_on
        pass_time(seconds)
        settling.add(1e6 * seconds)
    assert not settling.goes_on
    assert settling.told == "unknown: 2 rounds, 2.1 s, do not tell"


@given(st.integers(0, 50), st.lists(st.floats(1, 1e6), min_size=50, max_size=50))
def test_as_many_as_asked_for(asked: int, times: list[float]) -> None:
    settling = warmed(times, asked)
    assert len(settling.rounds) == asked
    assert settling.told.partition(":")[0] in ("yes", "no", "unknown")
    if asked < 3:
        assert settling.told == f"unknown: {asked} rounds, as asked for, do not tell"


@given(st.lists(st.floats(1, 1e6), min_size=MOST_ROUNDS, max_size=MOST_ROUNDS))
def test_of_any_times_at_least_three_rounds(times: list[float]) -> None:
    settling = warmed(times)
    assert 3 <= len(settling.rounds) <= MOST_ROUNDS
    if settling.told == "yes":
        *before, last_but_one, last = settling.rounds
        assert min(last_but_one, last) >= 0.98 * min(before)


def test_a_model_that_keeps_state_is_warmed_once() -> None:
    assert Rounds().warm_up_rounds is None
    assert Rounds(single_pass=True).warm_up_rounds == 1
    assert Rounds(warmup=3, single_pass=True).warm_up_rounds == 3
    assert Rounds(warmup=0).warm_up_rounds == 0
