"""What a machine attains: measured until it repeats, kept with its history, put into reports."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tvm
from support.reports import network

from vmprof import Report, VmprofError
from vmprof.cli.parser import make_parser
from vmprof.counters.hardware.cache_levels import CacheLevel
from vmprof.drivers.peaks import KnownPeaks, is_recent
from vmprof.errors import VmprofWarning
from vmprof.progress import Progress, silent
from vmprof.report.derive import derive
from vmprof.report.peaks import is_above_roof, with_peaks
from vmprof.values import Count, Derived, Percent, Ratio
from vmprof.zoo.lowering.host import host_target
from vmprof.zoo.peaks import Peaks, cached_peaks, keep_peaks, kept_history, peak_settings
from vmprof.zoo.peaks.kernels import (
    compiled,
    filling,
    fused_multiply_adds,
    launching,
    reading,
    shifting,
)
from vmprof.zoo.peaks.model import Level, Rate, best_of, settled
from vmprof.zoo.peaks.sizes import Place, places

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vmprof" / "peaks.json"


def rate(best: float, *, steady: bool = True) -> Rate:
    return Rate(best, best if steady else best / 2, steady)


def peaks(
    threads: int = 1,
    gflops: float = 200.0,
    memory: float = 25.0,
    *,
    when: str = "2026-11-27T11:00:00+00:00",
    steady: bool = True,
) -> Peaks:
    levels = (Level("L1", 32_768, rate(400.0)), Level("memory", None, rate(memory)))
    return Peaks(threads, rate(gflops, steady=steady), levels, when)


def test_the_kernels_do_what_they_are_timed_for() -> None:
    """Every operation counts: one left out would show in the result."""
    target = host_target()
    start = np.arange(2 * 8 * 4, dtype="float32").reshape(2, 8, 4)
    values = tvm.runtime.tensor(start)
    compiled(fused_multiply_adds(8, 4, 2, 3), target)(values)
    expected = start
    for _ in range(3):
        expected = expected * np.float32(0.999) + np.float32(0.5)
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-5)

    source = np.arange(2 * 5 * 8 * 4, dtype="float32").reshape(2, 5, 8, 4)
    sums = tvm.runtime.tensor(np.zeros((2, 4), "float32"))
    compiled(reading(4), target)(tvm.runtime.tensor(source), sums, 3)
    np.testing.assert_array_equal(sums.numpy(), 3 * source.sum(axis=(1, 2)))

    moved = tvm.runtime.tensor(np.zeros_like(source))
    compiled(shifting(4), target)(tvm.runtime.tensor(source), moved, 3)
    np.testing.assert_array_equal(moved.numpy(), source + 2)
    compiled(filling(4), target)(moved)
    np.testing.assert_array_equal(moved.numpy(), np.ones_like(source))

    launched = tvm.runtime.tensor(np.zeros((3, 16), "float32"))
    compiled(launching(), target)(launched, 7)
    np.testing.assert_array_equal(launched.numpy()[:, 0], [7.0] * 3)
    assert not launched.numpy()[:, 1:].any()


def played(values: Sequence[float], calls: list[float]) -> Callable[[], float]:
    given: Iterator[float] = iter(values)

    def batch() -> float:
        calls.append(next(given))
        return calls[-1]

    return batch


class Clock:
    """A second passes with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_rate_is_measured_until_its_best_three_are_within_3_percent() -> None:
    calls: list[float] = []
    # 45.7 and 59 are slower phases; 82.4 is within 3 % of 84.9, and so is 83.
    values = [45.7, 59.0, 84.9, 46.0, 82.4, 45.9, 83.0, 85.1]
    assert settled([played(values, calls)], 1e9, Clock()) == [Rate(84.9, 45.7, settled=True)]
    assert calls == values[:7]


def test_what_does_not_settle_in_time_says_so_with_its_range() -> None:
    quick: list[float] = []
    slow: list[float] = []
    values = [10.0, 20.0, 40.0, 80.0, 160.0]
    found = settled([played([7.0] * 9, quick), played(values, slow)], 3.5, Clock())
    assert found == [Rate(7.0, 7.0, settled=True), Rate(80.0, 10.0, settled=False)]
    assert (len(quick), len(slow)) == (3, 4)


def test_every_rate_is_measured_once_even_without_time() -> None:
    assert settled([played([7.0], []), played([8.0], [])], 0.0, Clock()) == [
        Rate(7.0, 7.0, settled=False),
        Rate(8.0, 8.0, settled=False),
    ]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_seconds_that_never_end_are_refused(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make_parser(["peaks"]).parse_args(["peaks", f"--seconds={seconds}"])
    assert f"{seconds!r} is no number of seconds" in capsys.readouterr().err


def test_places_of_data() -> None:
    kib, mib = 1 << 10, 1 << 20
    levels = [
        CacheLevel(1, 48 * kib, 1, 2),
        CacheLevel(2, 2 * mib, 1, 2),
        CacheLevel(3, 260 * mib, 2, 1),
    ]
    assert places(levels, 260 * mib, 2) == [
        Place("L1", 96 * kib, 48 * kib, 1),
        Place("L2", 4 * mib, 384 * kib, 1),
        Place("L3", 260 * mib, 16 * mib, 1),
        Place("memory", None, 512 * mib, 8),
    ]
    # All cores have as much of the second cache as of the third: it does not show.
    same = [CacheLevel(2, mib, 1, 16), CacheLevel(3, 16 * mib, 16, 1)]
    assert [place.name for place in places(same, 16 * mib, 16)] == ["L2", "memory"]
    assert places(same, 16 * mib, 1)[1] == Place("L3", 16 * mib, 4 * mib, 1)
    assert places([], 0, 1) == [Place("memory", None, 128 * mib, 8)]


def test_a_measured_machine_is_remembered(cache: Path) -> None:
    assert cached_peaks(1) is None
    assert keep_peaks(peaks()) == cache
    assert cached_peaks(1) == peaks()
    assert cached_peaks(2) is None
    keep_peaks(peaks(2, 300.0))
    assert (cached_peaks(1), cached_peaks(2)) == (peaks(), peaks(2, 300.0))


def test_a_measurement_does_not_replace_the_ones_before() -> None:
    for gflops in (45.7, 85.1, 59.0):
        keep_peaks(peaks(gflops=gflops, when=f"2026-11-27T11:00:{gflops:02.0f}+00:00"))
    assert [each.gflops.best for each in kept_history(1)] == [45.7, 85.1, 59.0]
    found = cached_peaks(1)
    assert found is not None
    assert found.gflops == rate(85.1)
    assert (found.measurements, found.when) == (3, "2026-11-27T11:00:59+00:00")
    for _ in range(30):
        keep_peaks(peaks())
    assert len(kept_history(1)) == 20


def test_rates_that_two_measurements_have_in_common_are_settled() -> None:
    shaky = [peaks(gflops=gflops, steady=False) for gflops in (100.0, 98.0, 50.0)]
    assert best_of(shaky[:2]).gflops == Rate(100.0, 49.0, settled=True)
    assert not best_of([shaky[0], shaky[2]]).gflops.settled


def test_old_files_are_still_read(cache: Path) -> None:
    keep_peaks(peaks())
    (key,) = json.loads(cache.read_text())
    old = {"threads": 1, "gflops": 210.0, "bandwidth": 9.5}
    cache.write_text(json.dumps({f"{key}, vmprof 0.1.0": old, "another machine": 7}))
    (read,) = kept_history(1)
    assert (read.gflops.best, read.bandwidth.best, read.when) == (210.0, 9.5, "")
    assert not is_recent([read], NOW)
    # A new one stands beside it, and brings the caches.
    keep_peaks(peaks())
    found = cached_peaks(1)
    assert found is not None
    assert (found.gflops.best, found.bandwidth.best) == (210.0, 25.0)
    assert [level.name for level in found.levels] == ["L1", "memory"]
    assert json.loads(cache.read_text())["another machine"] == 7


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (b"", "it is no JSON"),
        (b"[]", "it is not what vmprof writes"),
        (b"{", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b" " * 20_000_000, "it has more than 10,000,000 bytes"),
    ],
)
def test_a_damaged_file_is_one_line_and_is_not_overwritten(
    cache: Path, damage: bytes, told: str
) -> None:
    cache.parent.mkdir()
    cache.write_bytes(damage)
    for use in (lambda: cached_peaks(1), lambda: keep_peaks(peaks())):
        with pytest.raises(VmprofError) as error:
            use()
        assert str(error.value) == (
            f"cannot read the peaks that are kept in {cache}: {told}; mend it or delete it, then "
            "measure again with vmprof peaks"
        )
    assert cache.read_bytes() == damage


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {"threads": 1, "gflops": "2", "bandwidth": 3.0},
        {"threads": 1, "gflops": 2.0},
        {"threads": 1, "gflops": 0.0, "bandwidth": 3.0},
        {"threads": 1, "gflops": None, "bandwidth": 3.0},
        {"threads": 1, "history": 7},
        {"threads": 1, "history": [{"threads": 1, "gflops": 3.0, "levels": []}]},
    ],
)
def test_an_entry_that_is_no_ones_peaks_is_named(cache: Path, entry: object) -> None:
    path = keep_peaks(peaks())
    (key,) = json.loads(path.read_text())
    path.write_text(json.dumps({key: entry}))
    with pytest.raises(VmprofError, match=re.escape(f"peaks.json: {key!r} has no peaks: ")):
        cached_peaks(1)
    assert json.loads(cache.read_text()) == {key: entry}


def test_a_cache_that_is_no_file(cache: Path) -> None:
    cache.parent.mkdir()
    os.mkfifo(cache)
    with pytest.raises(VmprofError, match="it is no file"):  # nor does it wait for a writer
        cached_peaks(1)
    cache.unlink()
    cache.mkdir()
    with pytest.raises(VmprofError, match="it is no file"):
        keep_peaks(peaks())
    assert sorted(os.listdir(cache.parent)) == [".peaks.json.lock", "peaks.json"]


def keep_one(number: int) -> None:
    keep_peaks(peaks(gflops=float(number)))


def test_writers_at_the_same_time_lose_nothing() -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_one, range(1, 17)))
    assert sorted(each.gflops.best for each in kept_history(1)) == [*range(1, 17)]


def with_rates() -> Report:
    report = network(peaks=False)
    more = Derived("GB/s", "bytes / us / 1000", "ratio", {"bytes": "Bytes", "us": "Duration (us)"})
    return derive(report, [*report.derived, more])


def test_shares_of_the_peaks() -> None:
    settings = peak_settings(peaks(2))
    report = with_peaks(with_rates(), settings)
    assert report.configuration["Peak GFLOP/s"] == Ratio(200.0)
    assert report.configuration["Peak GB/s"] == Ratio(25.0)
    assert report.configuration["Peak GB/s, L1"] == Ratio(400.0)
    assert report.configuration["L1 cache (bytes)"] == Count(32_768)
    assert report.configuration["Peaks measured"] == "2026-11-27T11:00:00+00:00"
    first, *_, last = report.calls
    assert first["GFLOP/s"] == Ratio(50.0)
    assert first["% of peak GFLOP/s"] == Percent(25.0)
    assert first["% of peak GB/s"] == Percent(pytest.approx(100 * 0.625 / 25))
    assert "% of peak GFLOP/s" not in last
    # Derived anew where rows are merged, and once, however often it is asked for.
    merged = report.to_pandas(aggregate=True).set_index("Name")
    expected = 100 * 80e6 / 1610 / 1000 / 200
    assert merged.loc["fused_conv2d_add_relu", "% of peak GFLOP/s"] == pytest.approx(expected)
    assert with_peaks(report, settings) == report
    assert Report.from_json(report.json()) == report


def test_peaks_of_one_thread_stand_beside_those_of_several() -> None:
    settings = peak_settings(peaks(2, steady=False), peaks(1, 110.0))
    assert settings["Peak GFLOP/s of one thread"] == Ratio(110.0)
    assert settings["Peaks not settled"] == "GFLOP/s 100 to 200"
    assert "Peak GFLOP/s of one thread" not in peak_settings(peaks(1), peaks(1))


@pytest.mark.parametrize(
    ("ago", "steady", "recent"),
    [
        (timedelta(days=29), True, True),
        (timedelta(days=31), True, False),
        (timedelta(minutes=59), False, True),
        (timedelta(minutes=61), False, False),
    ],
)
def test_recent(ago: timedelta, steady: bool, recent: bool) -> None:
    old = peaks(when=(NOW - timedelta(days=90)).isoformat())
    assert is_recent([old, peaks(when=(NOW - ago).isoformat(), steady=steady)], NOW) is recent
    assert not is_recent([], NOW)
    assert not is_recent([peaks(when="yesterday")], NOW)


class Machine:
    """Measured in a moment: ``gflops`` in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *gflops: float) -> None:
        self.measured: list[int] = []
        self._gflops = iter(gflops)
        monkeypatch.setattr("vmprof.zoo.peaks.measure.measure", self.measure)

    def measure(self, threads: int, *, progress: Progress) -> Peaks:
        progress("measuring")
        self.measured.append(threads)
        gflops = next(self._gflops, None)
        if gflops is None:
            raise VmprofError("cannot measure the machine: no memory")
        return peaks(threads, gflops, when=datetime.now(timezone.utc).isoformat())


def test_peaks_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 100.0, 190.0)
    known = KnownPeaks(2, measures=True, progress=silent)
    assert machine.measured == [1, 2]
    report = known.applied_to(with_rates(), {})
    assert report.configuration["Peak GFLOP/s"] == Ratio(190.0)
    assert report.configuration["Peak GFLOP/s of one thread"] == Ratio(100.0)
    again = KnownPeaks(2, measures=True, progress=silent)
    assert machine.measured == [1, 2]
    assert again.settings() == known.settings()


def test_nothing_is_measured_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 100.0)
    known = KnownPeaks(1, measures=False, progress=silent)
    assert machine.measured == []
    assert known.settings() == {}
    report = known.applied_to(with_rates(), {})
    assert {row["Bound"] for row in report.calls} == {"unknown"}


def test_a_roof_that_a_kernel_proves_too_low_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_peaks(peaks(1, 45.7, when=datetime.now(timezone.utc).isoformat()))
    machine = Machine(monkeypatch, 85.1)
    known = KnownPeaks(1, measures=True, progress=silent)
    assert machine.measured == []
    report = known.applied_to(with_rates(), {})  # up to 75 GFLOP/s
    assert machine.measured == [1]
    assert report.configuration["Peak GFLOP/s"] == Ratio(85.1)
    assert not is_above_roof(report)
    # Once: what is still above it is an error.
    keep_peaks(peaks(2, 45.7, when=datetime.now(timezone.utc).isoformat()))
    lower = Machine(monkeypatch, 20.0, 59.0, 85.0)
    report = KnownPeaks(2, measures=True, progress=silent).applied_to(with_rates(), {})
    assert lower.measured == [1, 2]
    assert str(report.missing["% of peak GFLOP/s"]).startswith("the roof is too low: measured 59.0")


def test_a_machine_that_cannot_be_measured_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    with pytest.warns(VmprofWarning, match="cannot measure the machine: no memory"):
        known = KnownPeaks(1, measures=True, progress=silent)
    assert known.settings() == {}


def test_what_another_process_printed_is_what_was_measured() -> None:
    assert msgspec.json.decode(msgspec.json.encode(peaks()), type=Peaks) == peaks()
