"""Rates that no machine with these peaks can reach."""

from __future__ import annotations

from dataclasses import replace

from support.reports import network

from vmprof.report.beyond import BeyondPeak, beyond_peaks
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.values import Count, Derived
from vmprof.zoo.peaks import Peaks, with_peaks

GB = Derived("GB/s", "bytes / us / 1000", "ratio", {"bytes": "Bytes", "us": "Duration (us)"})


def gathering() -> Report:
    """The softmax moves 1.2 GB in 24.5 us, the convolutions do up to 75 GFLOP/s."""
    plain = network(peaks=False)
    calls = [
        {**row, "Bytes": Count(600_000_000)} if row["Name"] == "fused_softmax" else row
        for row in plain.calls
    ]
    return derive(replace(plain, calls=tuple(calls)), [*plain.derived, GB])


def test_what_is_beyond_the_peaks_is_marked() -> None:
    report = with_peaks(gathering(), Peaks(2, gflops=70.0, bandwidth=20.0))
    (worst,) = beyond_peaks(report)
    assert worst == BeyondPeak("fused_softmax", "GB/s", worst.rate, 20.0)
    assert report.configuration["Beyond the peak GB/s"] == (
        "rows: 1, fused_softmax above all: 48,980 where 20.0 was measured at best; its data "
        "were in caches, or not all bytes that are counted were moved"
    )
    assert "Beyond the peak GFLOP/s" not in report.configuration
    slow = with_peaks(report, Peaks(2, gflops=1.0, bandwidth=1e6))
    assert "fused_conv2d_add_relu" in str(slow.configuration["Beyond the peak GFLOP/s"])
    assert "Beyond the peak GB/s" not in slow.configuration


def test_without_peaks_nobody_knows() -> None:
    assert beyond_peaks(gathering()) == []
