"""Reports as pandas DataFrames."""

from __future__ import annotations

import sys

import pytest
from support.reports import network

from vmprof import VmprofError


def test_a_row_per_call() -> None:
    frame = network().to_pandas()
    assert list(frame.columns[:3]) == ["Name", "Duration (us)", "Percent"]
    assert len(frame) == 8
    assert str(frame["perf::CYCLES"].dtype) == "Int64"
    assert str(frame["Duration (us)"].dtype) == "float64"
    assert frame["FLOPs"].isna().tolist() == [False, False, False, True] * 2
    assert frame["Begin (us)"].tolist()[:2] == [5.0, 805.25]
    assert frame["End (us)"].iloc[0] == 805.0
    assert frame.attrs["Number of threads"] == 2
    assert frame.attrs["Model"] == "network"
    assert list(frame.attrs["Not counted"]) == ["perf::CACHE-MISSES"]


def test_a_row_per_operator() -> None:
    frame = network().to_pandas(aggregate=True).set_index("Name")
    assert len(frame) == 5
    assert frame.loc["fused_conv2d_add_relu", "Count"] == 2
    cycles, instructions = frame.loc["fused_softmax", ["perf::CYCLES", "perf::INSTRUCTIONS"]]
    assert frame.loc["fused_softmax", "IPC"] == instructions / cycles
    assert "Begin (us)" not in frame


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(VmprofError, match="pip install 'tvm-vmprof"):
        network().to_pandas()
