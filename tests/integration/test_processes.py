"""Measuring in fresh processes."""

from __future__ import annotations

from pathlib import Path

import pytest

import vmprof
from vmprof import Report, VmprofError
from vmprof.cli.main import main
from vmprof.drivers.processes import in_processes
from vmprof.report.starts import starts_of
from vmprof.values import Count


def check(report: Report) -> None:
    """It is of two starts of two repeats each, and of one program."""
    assert (report.configuration["Starts"], report.configuration["Repeats"]) == (Count(2), Count(4))
    one, other = starts_of(report)
    assert [row["Name"] for row in one.calls] == [row["Name"] for row in other.calls]
    assert one.total["Duration (us)"] != other.total["Duration (us)"]


def test_from_the_command_line_and_from_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    how = ("--counters", "none", "--repeats", "2", "--warmup", "0", "--quiet")
    assert main(["run", "mlp", "--processes", "2", *how, "--json", str(path)]) == 0
    assert "dense_pack" in capsys.readouterr().out
    check(Report.from_json(path.read_text()))
    check(vmprof.profile("mlp", counters="none", repeats=2, warmup=0, processes=2))


def test_what_no_process_can_be_given_is_one_line() -> None:
    with pytest.raises(VmprofError, match="there is no engine 'none'"):
        vmprof.profile("mlp", engine="none", processes=2)
    with pytest.raises(VmprofError, match="it cannot be handed to another process: "):
        in_processes([lambda _: Report((), {}, {})], 2)
    with pytest.raises(VmprofError, match="processes is 0; at least 1 is needed"):
        vmprof.profile("mlp", processes=0)
