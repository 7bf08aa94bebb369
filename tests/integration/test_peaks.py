"""Measuring what this machine attains: a process of its own, and as much memory as it takes."""

from __future__ import annotations

from vmprof.zoo.peaks.measure import measure


def test_a_machine_attains_something() -> None:
    peaks = measure(1, seconds=0.01)
    assert peaks.threads == 1
    assert peaks.gflops > 0
    assert peaks.bandwidth > 0
