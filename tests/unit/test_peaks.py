"""What a machine attains: measured, kept, and put into reports."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tvm
from support.reports import network

from vmprof import Report, VmprofError
from vmprof.report.derive import derive
from vmprof.values import Count, Derived, Percent, Ratio
from vmprof.zoo.lowering.host import host_target
from vmprof.zoo.peaks import Peaks, cached_peaks, keep_peaks, with_known_peaks, with_peaks
from vmprof.zoo.peaks.kernels import compiled, fused_multiply_adds, reading, scaling


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vmprof" / "peaks.json"


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

    source = np.arange(2 * 5 * 4 * 4, dtype="float32").reshape(2, 5, 4, 4)
    sums = tvm.runtime.tensor(np.zeros((2, 4, 4), "float32"))
    compiled(reading(4, 2, 5), target)(tvm.runtime.tensor(source), sums)
    np.testing.assert_array_equal(sums.numpy(), source.sum(axis=1))

    doubled = tvm.runtime.tensor(np.zeros((2, 10, 8), "float32"))
    compiled(scaling(8, 2, 10), target)(tvm.runtime.tensor(source.reshape(2, 10, 8)), doubled)
    np.testing.assert_array_equal(doubled.numpy(), 2 * source.reshape(2, 10, 8))


def test_a_measured_machine_is_remembered(cache: Path) -> None:
    assert cached_peaks(1) is None
    peaks = Peaks(1, 2.0, 3.0)
    assert keep_peaks(peaks) == cache
    assert cached_peaks(1) == peaks
    assert cached_peaks(2) is None
    other = Peaks(2, 3.0, 4.0)
    keep_peaks(other)
    assert (cached_peaks(1), cached_peaks(2)) == (peaks, other)


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{", b'{"x": 1}', b"\xff\xfe", b"[" * 100_000, b" " * 2_000_000]
)
def test_a_damaged_cache_is_an_empty_one(cache: Path, damage: bytes) -> None:
    cache.parent.mkdir()
    cache.write_bytes(damage)
    assert cached_peaks(1) is None
    keep_peaks(Peaks(1, 2.0, 3.0))
    assert cached_peaks(1) == Peaks(1, 2.0, 3.0)


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {"threads": 1, "gflops": "2", "bandwidth": 3.0},
        {"threads": 1, "gflops": 2.0},
        {"threads": 1, "gflops": 0.0, "bandwidth": 3.0},
        {"threads": 1, "gflops": float("nan"), "bandwidth": 3.0},
        {"threads": 1, "gflops": float("inf"), "bandwidth": 3.0},
        {"threads": 2, "gflops": 2.0, "bandwidth": 3.0},
        {"threads": 1, "gflops": -2.0, "bandwidth": 3.0},
    ],
)
def test_an_entry_that_is_no_ones_peaks_is_none(cache: Path, entry: object) -> None:
    path = keep_peaks(Peaks(1, 2.0, 3.0))
    (key,) = json.loads(path.read_text())
    path.write_text(json.dumps({key: entry}))
    assert cached_peaks(1) is None


def test_a_cache_that_is_no_file(cache: Path) -> None:
    cache.parent.mkdir()
    os.mkfifo(cache)
    assert cached_peaks(1) is None  # and does not wait for somebody to write
    keep_peaks(Peaks(1, 2.0, 3.0))
    assert cached_peaks(1) == Peaks(1, 2.0, 3.0)
    cache.unlink()
    cache.mkdir()
    assert cached_peaks(1) is None
    with pytest.raises(VmprofError, match=r"cannot keep the peaks in .*: Is a directory"):
        keep_peaks(Peaks(1, 2.0, 3.0))
    assert os.listdir(cache.parent) == ["peaks.json"]


def with_rates() -> Report:
    report = network(peaks=False)
    rate = Derived("GB/s", "bytes / us / 1000", "ratio", {"bytes": "Bytes", "us": "Duration (us)"})
    return derive(report, [*report.derived, rate])


def test_shares_of_the_peaks() -> None:
    report = with_peaks(with_rates(), Peaks(2, gflops=200.0, bandwidth=25.0))
    assert report.configuration["Peak GFLOP/s"] == Ratio(200.0)
    assert report.configuration["Peak GB/s"] == Ratio(25.0)
    first, *_, last = report.calls
    assert first["GFLOP/s"] == Ratio(50.0)
    assert first["% of peak GFLOP/s"] == Percent(25.0)
    assert first["% of peak GB/s"] == Percent(pytest.approx(100 * 0.625 / 25))
    assert "% of peak GFLOP/s" not in last
    # Derived anew where rows are merged, and once, however often it is asked for.
    merged = report.to_pandas(aggregate=True).set_index("Name")
    expected = 100 * 80e6 / 1610 / 1000 / 200
    assert merged.loc["fused_conv2d_add_relu", "% of peak GFLOP/s"] == pytest.approx(expected)
    assert with_peaks(report, Peaks(2, 200.0, 25.0)) == report
    assert Report.from_json(report.json()) == report


def test_known_peaks_are_those_of_the_runs_threads() -> None:
    report = with_rates()
    assert report.configuration["Number of threads"] == Count(2)
    keep_peaks(Peaks(1, 1.0, 1.0))
    assert with_known_peaks(report) is report
    keep_peaks(Peaks(2, 200.0, 25.0))
    assert with_known_peaks(report).configuration["Peak GFLOP/s"] == Ratio(200.0)


def test_reports_without_rates_stay_as_they_are() -> None:
    report = Report((), {}, {})
    assert with_peaks(report, Peaks(1, 1.0, 1.0)) is report
