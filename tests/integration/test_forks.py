"""Processes that begin and end while a model is profiled: each has counters of its own, or none."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.scripts import environment

# What is mapped in the child may lie where the parent's pages of counters were.
FORKING = """
import gc, mmap, os
os.environ["TVM_NUM_THREADS"] = "1"
from support.parallel import burning
import vmprof

MODEL = burning([2_000_000], [1_000_000])
OPTIONS = {"counters": "task-clock,page-faults", "repeats": 3, "warmup": 1}

def profiled(**more):
    report = vmprof.profile(MODEL, **OPTIONS, **more)
    rows = {call["Name"]: call for call in report.calls}
    clocks = [rows[f"burn{n}"]["perf::TASK-CLOCK"].value for n in range(2)]
    assert 2e6 <= clocks[0] < 3e6 and 1e6 <= clocks[1] < 2e6, clocks
    return report

def child(function):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]

def in_child():
    mapped = [mmap.mmap(-1, 4096) for _ in range(1000)]
    for each in mapped:
        each[0] = 7
    profiled()
    gc.collect()
    assert all(each[0] == 7 for each in mapped)

class Forks:
    scope = "run"
    codes = []
    def start(self):
        self.codes.append(child(in_child))
    def stop(self):
        return {}

class Divides:
    scope = "run"
    runs, code = 0, None
    def start(self):
        self.runs += 1
        if self.runs == 2:
            pid = os.fork()
            self.code = os.waitpid(pid, 0)[1] if pid else None
    def stop(self):
        return {}

profiled()
print("after", child(profiled))
profiled(collectors=[Forks()])
print("meanwhile", set(Forks.codes))
# The child goes on in the midst of its parent's profile.
divides, parent = Divides(), os.getpid()
report = vmprof.profile(MODEL, **OPTIONS, collectors=[divides])
if os.getpid() != parent:
    assert "perf::TASK-CLOCK" not in report.calls[0], "counted by nobody"
    assert "No child processes" in report.missing["perf::TASK-CLOCK"]
    profiled()
    os._exit(0)
print("through it", divides.code)
assert "perf::TASK-CLOCK" not in report.missing
profiled()
print("parent", 0)
"""


def test_children_leave_the_counters_of_their_parent_alone() -> None:
    tests = str(Path(__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-c", FORKING],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": tests},
        timeout=120,
        check=False,
    )
    said = dict(line.rsplit(" ", 1) for line in result.stdout.splitlines())
    expected = {"after": "0", "meanwhile": "{0}", "through it": "0", "parent": "0"}
    assert said == expected, result.stderr


# The first start measures; the second says that it is there, and does not end.
HANGS = """
import os, pathlib, time
class Collector:
    scope = "run"
    def start(self):
        (first, second) = map(pathlib.Path, ("first", "second"))
        if first.exists() and first.read_text() != str(os.getpid()):
            second.write_text(str(os.getpid()))
            os.rename("second", "there")
            time.sleep(600)
        first.write_text(str(os.getpid()))
    def stop(self):
        return {}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "hangs.py").write_text(HANGS)
    if number == signal.SIGKILL:
        (tmp_path / "first").write_text("0")  # the first hangs
    command = ["run", "mlp", "--processes", "2", "--counters", "none", "--repeats", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vmprof", *command, "--collector", "hangs.py:Collector"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**environment(), "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    while not (tmp_path / "there").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    child = int((tmp_path / "there").read_text())
    with pidfd(child) as ended:
        os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
        _, errors = process.communicate(timeout=60)
        assert select.select([ended], [], [], 60)[0], "its child lives on"
    if number == signal.SIGKILL:
        return
    assert process.returncode == 130
    (kept,) = tmp_path.glob("vmprof-*.json")
    assert errors == f"vmprof: interrupted; what was measured is kept in {kept}\n"
    assert '"calls"' in kept.read_text()


@contextmanager
def pidfd(pid: int) -> Iterator[int]:
    """Readable when that process has ended."""
    number = os.pidfd_open(pid)
    try:
        yield number
    finally:
        os.close(number)
