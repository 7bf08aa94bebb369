"""How often to run, on a clock that tests move."""

from __future__ import annotations

import pytest

from vmprof import VmprofError
from vmprof.counters import Pass
from vmprof.record.recorder import Reading
from vmprof.record.rounds.options import Rounds
from vmprof.runs.layout import Layout


class Clock:
    """``round_seconds`` pass in each round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, round_seconds: float) -> None:
        self._now = 0.0
        self.parts: list[float] = []  # that were done before each round
        self._round = round_seconds
        monkeypatch.setattr("vmprof.record.rounds.options.time.monotonic", lambda: self._now)

    def rounds(self, rounds: Rounds) -> int:
        self.parts = []
        for number, part in rounds.numbers():
            self.parts.append(part)
            assert number == len(self.parts)
            self._now += self._round
        return len(self.parts)


@pytest.mark.parametrize(
    ("round_seconds", "rounds"), [(0.0, 30), (0.1, 30), (1.0, 10), (2.4, 4), (3.0, 3), (60.0, 3)]
)
def test_as_many_rounds_as_fit(
    monkeypatch: pytest.MonkeyPatch, round_seconds: float, rounds: int
) -> None:
    assert Clock(monkeypatch, round_seconds).rounds(Rounds()) == rounds


@pytest.mark.parametrize("repeats", [1, 2, 100])
def test_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch, repeats: int) -> None:
    assert Clock(monkeypatch, 60.0).rounds(Rounds(repeats)) == repeats


def test_what_part_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Clock(monkeypatch, 60.0)
    asked.rounds(Rounds(4))
    assert asked.parts == [0, 0.25, 0.5, 0.75]
    # As many as fit: how many is expected from the second round on.
    fitting = Clock(monkeypatch, 2.4)
    fitting.rounds(Rounds())
    assert fitting.parts == [0, 0.25, 0.5, 0.75]
    many = Clock(monkeypatch, 0.0)
    many.rounds(Rounds())
    assert many.parts == [done / 30 for done in range(30)]


def test_what_each_run_of_a_round_reads() -> None:
    first, second = (Pass(Layout((name,), ((0,),)), (), "") for name in ("a", "b"))
    both = Reading.TIME | Reading.COUNTERS
    assert Rounds().readings([first, second]) == [
        (Reading.TIME, None),
        (Reading.COUNTERS, first),
        (Reading.COUNTERS, second),
    ]
    assert Rounds().readings([]) == [(Reading.TIME, None)]
    assert Rounds(single_pass=True).readings([first]) == [(both, first)]
    assert Rounds(single_pass=True).readings([]) == [(Reading.TIME, None)]


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(VmprofError, match="repeats is 0; at least 1 is needed"):
        Rounds(repeats=0)
    with pytest.raises(VmprofError, match="warmup is -1; it cannot be negative"):
        Rounds(warmup=-1)
