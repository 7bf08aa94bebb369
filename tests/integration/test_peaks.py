"""Measuring what this machine attains: a process of its own, and as much memory as it takes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from vmprof import Report
from vmprof.cli.main import main
from vmprof.report.bounds import explain
from vmprof.report.roofs import LAUNCH, Roofs
from vmprof.values import Duration
from vmprof.zoo.peaks import kept_history
from vmprof.zoo.peaks.measure import measure

# No time: each rate is measured once.
short = partial(measure, seconds=0.0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the models that were compiled before, and nothing else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/vmprof"


def test_a_machine_attains_something() -> None:
    peaks = short(1)
    assert peaks.threads == 1
    assert not peaks.is_settled
    *caches, memory = peaks.levels
    assert (memory.name, memory.bytes) == ("memory", None)
    assert all(level.bytes for level in caches)
    assert [level.name for level in caches] == sorted(level.name for level in caches)
    assert all(rate.best > 0 for _, rate in peaks.rates)


def test_a_run_measures_the_machine_by_itself_and_says_what_bounds_each_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vmprof.zoo.peaks.measure.measure", short)
    path = tmp_path / "r.json"
    asked = ["run", "mlp", "--metrics", "--counters", "none", "--repeats", "3", "--quiet"]
    assert main([*asked, "--json", str(path)]) == 0
    report = Report.from_json(path.read_text())
    assert all("Bound" in row for row in report.calls)
    roofs = Roofs.of(report.configuration)
    assert roofs is not None
    assert len(roofs.levels) > 1
    launch = report.configuration[LAUNCH]
    assert isinstance(launch, Duration)
    assert launch.microseconds > 0
    dense = next(row for row in report.calls if "dense_pack" in str(row["Name"]))
    assert explain(report, dense)[0].startswith(f"{dense['Bound']}: ")
    assert len(kept_history(1)) in (1, 2)  # again, if a kernel was faster
    capsys.readouterr()

    assert main(["show", str(path), "--why", "dense_pack"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{dense['Name']} {dense['Argument Shapes']}\n  {dense['Bound']}: ")
    assert "\n  operations: " in told
    assert "\n  data: " in told
    data = tmp_path / "why.json"
    assert main(["show", str(path), "--why", "dense_pack", "--json", str(data)]) == 0
    first = json.loads(data.read_text())["operators"][0]
    capsys.readouterr()
    assert (first["name"], first["bound"]) == (dense["Name"], dense["Bound"])
    assert first["us"].keys() == {"time", "start", "operations", "data", "data_at_worst"}
    assert main(["show", str(path), "--why", "nothing"]) == 1
    assert "no operator has such a name" in capsys.readouterr().err
    assert main(["show", str(path), "--why", "dense", "--csv", str(tmp_path / "r.csv")]) == 1
    assert "--csv does not go with --why" in capsys.readouterr().err
    assert main(["peaks", "--threads", "1", "--history", "--json"]) == 0
    assert {each["threads"] for each in json.loads(capsys.readouterr().out)} == {1}


def test_peaks_that_cannot_be_read_are_one_line(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir(parents=True)
    (cache / "peaks.json").write_text("{")
    assert main(["run", "mlp", "--metrics", "--counters", "none", "--repeats", "1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"vmprof: error: cannot read the peaks that are kept in {cache}")
    assert error.count("\n") == 1
