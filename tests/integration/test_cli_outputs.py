"""Where results go: pipes, devices, files; what was measured is not lost on the way."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.reports import network

from vmprof import Report

VMPROF = shlex.join([sys.executable, "-m", "vmprof"])
TABLE = network().heading() + network().table()
JSON = network().json()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.json").write_text(JSON)
    return tmp_path


def bash(script: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``script``, in which ``$vmprof`` is the command."""
    return subprocess.run(
        ["bash", "-c", f"vmprof={shlex.quote(VMPROF)}\n{script}"],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def refused(result: subprocess.CompletedProcess[str], message: str) -> None:
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"vmprof: error: {message}\n"


@pytest.mark.parametrize(
    "options", ["-", "/dev/stdout | cat", "/dev/fd/1 > out; cat out", "/proc/self/fd/1 | cat"]
)
def test_standard_output_gets_the_one_text(folder: Path, options: str) -> None:
    result = bash(f"$vmprof show report.json --json {options}", folder)
    assert (result.stdout, result.stderr) == (JSON, "")


def test_standard_output_is_appended_to(folder: Path) -> None:
    bash("(echo before; $vmprof show report.json --json /dev/stdout; echo after) > out", folder)
    assert (folder / "out").read_text() == f"before\n{JSON}after\n"


def test_process_substitution(folder: Path) -> None:
    script = "$vmprof show report.json --csv r.csv --json >(gzip > r.gz); wait $!"
    result = bash(script, folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, TABLE, "")
    assert gzip.decompress((folder / "r.gz").read_bytes()).decode() == JSON
    assert (folder / "r.csv").read_text() == network().csv()


def test_named_pipes_open_files_and_devices(folder: Path) -> None:
    script = "mkfifo pipe; cat pipe > got & $vmprof show report.json --json pipe; wait"
    assert bash(script, folder).stdout == TABLE
    assert (folder / "got").read_text() == JSON
    assert bash("$vmprof show report.json --json /dev/fd/7 7> open", folder).stdout == TABLE
    assert (folder / "open").read_text() == JSON
    script = "$vmprof show report.json --json /dev/null --csv /dev/null"
    assert bash(script, folder).stdout == TABLE
    result = bash("$vmprof show report.json --json /dev/stderr", folder)
    assert (result.stdout, result.stderr) == (TABLE, JSON)


def test_a_link_to_nothing_yet(folder: Path) -> None:
    (folder / "link").symlink_to("new")
    assert bash("$vmprof show report.json --json link", folder).returncode == 0
    assert (folder / "link").is_symlink()
    assert (folder / "new").read_text() == JSON


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--json out --force > out", "cannot write out: /dev/stdout goes there; name that instead"),
        ("--json /dev/stdout --csv - | cat", "standard output is given for two outputs"),
        ("--json - >&-", "cannot write standard output: it is not open for writing"),
        ("--html - --open", "--open needs a page to show: --html FILE"),
    ],
)
def test_refused_before_anything_is_done(folder: Path, options: str, message: str) -> None:
    """The report is not even looked for: so nothing is measured either."""
    result = bash(f"$vmprof show none.json {options}", folder)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"vmprof: error: {message}")
    assert result.stdout == ""


def test_what_cannot_be_encoded_is_replaced(folder: Path) -> None:
    report = Report(({"Name": "größe→\udcff"},), {}, {})
    (folder / "named.json").write_text(report.json(), encoding="utf-8", errors="surrogatepass")
    (folder / "named.json").write_bytes(
        report.json().encode("utf-8", "backslashreplace")  # as JSON escapes it
    )
    ascii_ = bash("$vmprof show named.json", folder, PYTHONIOENCODING="ascii")
    assert ascii_.stderr == ""
    assert "gr??e?" in ascii_.stdout
    # A file holds all of it, whatever the terminal can show.
    again = bash("$vmprof show named.json --json -", folder, PYTHONIOENCODING="ascii")
    assert Report.from_json(again.stdout) == report


def test_no_space_leaves_the_old_and_writes_the_others(folder: Path) -> None:
    (folder / "r.json").write_text("old")
    options = "--json r.json --csv new.csv --html small.html --force"
    room = len(network().csv()) // 1024 + 1  # KiB
    assert len(JSON) > room * 1024
    result = bash(f"ulimit -f {room}; $vmprof show report.json {options}", folder)
    assert result.returncode == 1
    assert result.stdout == TABLE
    assert result.stderr == (
        "vmprof: error: cannot write r.json: File too large; "
        "cannot write small.html: File too large\n"
    )
    assert (folder / "r.json").read_text() == "old"
    assert (folder / "new.csv").read_text() == network().csv()
    assert sorted(os.listdir(folder)) == ["new.csv", "r.json", "report.json"]


def test_standard_output_that_is_full(folder: Path) -> None:
    message = "cannot write standard output: No space left on device"
    for command in ("show report.json", "audit report.json", "--help", "show report.json --json -"):
        refused(bash(f"$vmprof {command} > /dev/full", folder), message)
    # The file is there, whatever became of the table.
    bash("$vmprof show report.json --json r.json > /dev/full", folder)
    assert (folder / "r.json").read_text() == JSON


def test_a_closed_standard_output_is_nowhere(folder: Path) -> None:
    result = bash("$vmprof show report.json --json r.json >&-", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "r.json").read_text() == JSON


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("show report.json", 0),
        ("show report.json --json -", 0),
        ("diff report.json slower.json --fail-over 1%", 4),
        ("audit forged.json", 3),
        ("--help", 0),
    ],
)
def test_a_reader_that_leaves_keeps_the_exit_code(folder: Path, command: str, code: int) -> None:
    slower = JSON.replace('"microseconds":', '"microseconds":2')
    (folder / "slower.json").write_text(slower)
    (folder / "forged.json").write_text(JSON.replace('"percent":', '"percent":9'))
    assert bash(f"$vmprof {command} > /dev/null", folder).returncode == code
    result = bash(f"$vmprof {command} | true; exit ${{PIPESTATUS[0]}}", folder)
    assert (result.returncode, result.stderr) == (code, "")


COLLECTOR = """
import shutil

class Gone:
    scope = "run"

    def __init__(self):
        shutil.rmtree("reports")

    def start(self): ...

    def stop(self):
        return {}
"""


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    """The folder vanishes after it was checked."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "gone.py").write_text(COLLECTOR)
    options = "--repeats 1 --counters none --collector gone.py:Gone"
    script = f"$vmprof run mlp {options} --csv reports/r.csv"
    result = bash(script, tmp_path, TMPDIR=str(tmp_path / "temporary"))
    assert result.returncode == 1
    kept = re.fullmatch(
        r"vmprof: error: cannot write reports/r\.csv: No such file or directory; "
        r"what was measured is kept in (.*/temporary/vmprof-\w+\.json)\n",
        result.stderr,
    )
    assert kept, result.stderr
    path = Path(kept[1])
    assert path.stat().st_mode & 0o777 == 0o600
    report = Report.from_json(path.read_text())
    assert result.stdout == report.heading() + report.table()


def test_a_model_that_cannot_be_kept_is_run(tmp_path: Path) -> None:
    """Its library cannot be linked: a warning, and it is compiled in memory."""
    linker = tmp_path / "linker"
    linker.write_text("#!/bin/sh\necho 'final link failed: No space left on device' >&2\nexit 1\n")
    linker.chmod(0o755)
    environment = dict.fromkeys(("CC", "CXX"), str(linker))
    script = "$vmprof run mlp --repeats 1 --counters none"
    result = bash(script, tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), **environment)
    assert result.returncode == 0, result.stderr
    assert "fused_nn_contrib_dense_pack_add" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("vmprof: warning: the compiled mlp cannot be kept in ")
    assert "final link failed: No space left on device" in line
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []


def test_a_column_that_is_not_there_loses_nothing(tmp_path: Path) -> None:
    script = "$vmprof run mlp --repeats 1 --counters none --sort weight"
    result = bash(script, tmp_path, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert "the report has no column 'weight'" in result.stderr
    (kept,) = tmp_path.glob("vmprof-*.json")
    assert f"; what was measured is kept in {kept}\n" in result.stderr
    Report.from_json(kept.read_text())


def test_of_saved_reports_nothing_is_kept(folder: Path) -> None:
    result = bash("$vmprof diff report.json report.json --fail-over 1% --column weight", folder)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "do not both have a column 'weight'" in line
    assert "kept" not in line


def test_a_report_that_cannot_be_read_comes_before_measuring(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("hello")
    result = bash("$vmprof diff mlp old.txt", tmp_path, TMPDIR=str(tmp_path))
    (line,) = result.stderr.splitlines()
    assert "old.txt is no report" in line
    assert "kept" not in line


def test_a_model_against_itself_is_measured_twice(tmp_path: Path) -> None:
    script = "$vmprof diff mlp mlp --repeats 1 --csv changes.csv --report other"
    result = bash(script, tmp_path, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert "mlp (mlp, just now) -> mlp (mlp, just now)" in result.stdout
    assert "Duration" in (tmp_path / "changes.csv").read_text()
