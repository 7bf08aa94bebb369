"""Where reports and recordings come from, and how noisy they are: on this machine, for real."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.sessions import make, tensor

import vmprof
from vmprof import Report
from vmprof.cli.main import main
from vmprof.program.build_id import build_id
from vmprof.record.sessions.session import Session
from vmprof.recording import text, trace
from vmprof.recording.reports import reports
from vmprof.recording.saved import dumps, load
from vmprof.recording.tables import Recording
from vmprof.report import provenance as names
from vmprof.report.noise import NOISE, noise_of
from vmprof.report.provenance import is_known
from vmprof.values import UNKNOWN, Duration, Metric, Ratio, Samples


@pytest.fixture(scope="module")
def report() -> Report:
    return vmprof.profile("mlp", repeats=5, counters="none")


@pytest.fixture(scope="module")
def recording() -> Recording:
    with Session("none") as session:
        vm = session.attach(make("nested"))
        for _ in range(4):
            vm["main"](tensor())
    return session.recording()


def check(provenance: Mapping[str, Metric]) -> None:
    """All that is told of any machine, and nothing that is empty."""
    for name in ("Processor", "CPUs", "Memory", "Kernel", "Date", "Command", "Load at start"):
        assert is_known(provenance[name]), name
    assert platform.release() in str(provenance["Kernel"])
    assert str(provenance["Python"]).endswith(platform.python_version())
    assert (provenance["vmprof"], provenance["TVM"]) == (vmprof.__version__, "0.27.0.post1")
    used, passed = provenance[names.OWN_CPUS], provenance[names.MEASURED]
    assert isinstance(used, Ratio)
    assert isinstance(passed, Duration)
    assert used.ratio > 0
    assert passed.microseconds > 0
    for name, metric in provenance.items():
        assert metric not in ("", UNKNOWN), name


def test_a_run(report: Report) -> None:
    check(report.provenance)
    library = Path(str(report.provenance["Library"]))
    assert report.provenance["Library's ID"] == f"build ID {build_id(library)}"
    noise = noise_of(report)
    assert noise is not None
    assert noise.total is not None
    assert noise.total.repeats == 5
    assert report.provenance[NOISE] == noise.verdict
    assert noise_of(Report.from_json(report.json())) == noise


def test_a_recording(recording: Recording, tmp_path: Path) -> None:
    check(recording.provenance)
    (found,) = reports(recording).values()
    assert {**found.provenance, **recording.provenance} == found.provenance
    assert str(found.provenance[NOISE]).startswith(("quiet: ", "noisy: "))
    (tmp_path / "r.vmprof").write_bytes(dumps(recording))
    assert load(tmp_path / "r.vmprof").provenance == recording.provenance
    assert f"Noise\n-----\n{found.provenance[NOISE]}\n" in text.render(recording)
    assert str(recording.provenance["Kernel"]) in trace.render(recording)


def test_shown_on_demand(
    report: Report, recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, recorded = tmp_path / "r.json", tmp_path / "r.vmprof"
    saved.write_text(report.json())
    recorded.write_bytes(dumps(recording))
    for file, provenance in ((saved, report.provenance), (recorded, recording.provenance)):
        assert main(["show", str(file)]) == 0
        plain = capsys.readouterr().out
        assert "Provenance" not in plain
        assert main(["show", str(file), "--provenance"]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"{plain}\nProvenance\n----------\n")
        lines = shown.removeprefix(plain).splitlines()[3:]
        told = [name for name, metric in provenance.items() if not isinstance(metric, Samples)]
        assert [line.partition(": ")[0] for line in lines] == told
