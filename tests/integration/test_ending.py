"""A recorded program that is ended from outside: it dies as it would have, after the report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.scripts import BASE, environment

from vmprof.recording.saved import load

# What is to be done last takes a while: {last} says what.
ENDING = """\
import os, signal, sys, threading
from vmprof.drivers.ending import Ending

def last():
    print("begin", flush=True)
    {last}
    print("end", flush=True)

with Ending(last) as ending:
    {program}
    ending.finish()
"""

SLEEPS = """\
import atexit, sys, time, base
atexit.register(print, "at exit")
try:
    base.vm()["main"]()
    print("ready", flush=True)
    time.sleep(60)
finally:
    print("finally")
"""

JOINS = """\
import threading, time, base

def serve():
    main = base.vm()["main"]
    main()
    print("ready", flush=True)
    while True:
        main()
        time.sleep(0.001)

threading.Thread(target=serve).start()
"""

HANDLES = """\
import signal, sys, base

def handler(number, frame):
    print("handled", number)
    sys.exit(7)

print(signal.signal(signal.SIGTERM, handler) is not None)
base.vm()["main"]()
print("ready", flush=True)
signal.pause()
"""

# A child dies of the signal that its parent sends; the parent goes on.
CHILDREN = """\
import multiprocessing, time, base

def work(ready):
    ready.set()
    time.sleep(60)

base.vm()["main"]()
context = multiprocessing.get_context("fork")
ready = context.Event()
child = context.Process(target=work, args=[ready])
child.start()
ready.wait()
child.terminate()
child.join()
print(child.exitcode)
print("ready", flush=True)
time.sleep(60)
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def ended(command: list[str], cwd: Path, *numbers: int, awaited: str = "ready") -> Ended:
    """``python COMMAND``, which gets these signals once it has printed ``awaited``."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(),
    )
    assert process.stdout is not None
    out = b""
    while f"{awaited}\n".encode() not in out:
        some = os.read(process.stdout.fileno(), 4096)
        assert some, process.communicate()
        out += some
    for number in numbers:
        process.send_signal(number)
    rest, err = process.communicate(timeout=60)
    return Ended(process.returncode, (out + rest).decode(), err.decode())


RECORD = ["-m", "vmprof", "record", "--counters", "none", "--save", "run.vmprof", "program.py"]


@pytest.mark.parametrize(
    ("program", "number"),
    [
        pytest.param(SLEEPS, signal.SIGTERM, id="SIGTERM"),
        pytest.param(JOINS, signal.SIGHUP, id="SIGHUP, while a thread calls"),
        pytest.param(HANDLES, signal.SIGTERM, id="a handler of its own"),
        pytest.param(CHILDREN, signal.SIGTERM, id="children"),
    ],
)
def test_it_ends_as_without_after_the_report(tmp_path: Path, program: str, number: int) -> None:
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "program.py").write_text(program)
    alone = ended(["program.py"], tmp_path, number)
    done = ended(RECORD, tmp_path, number)
    assert (done.code, done.out) == (alone.code, alone.out), done.err
    assert alone.code in (-number, 7)
    assert int(load(tmp_path / "run.vmprof").totals["invocations"].sum()) >= 1
    assert done.err.count("Evaluate vm inference cost of main") == 1
    assert "Traceback" not in done.err


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "program.py").write_text(f"open('run.vmprof', 'w').close()\n{SLEEPS}")
    done = ended(RECORD, tmp_path, signal.SIGTERM)
    assert done.code == -signal.SIGTERM
    assert "vmprof: error: run.vmprof exists" in done.err
    assert "Evaluate vm inference cost of main" in done.err


# ---- what is done last, without a recording ----------------------------------------------------


def ending(tmp_path: Path, program: str, last: str, *numbers: int, awaited: str) -> Ended:
    code = ENDING.format(program=program, last=last)
    return ended(["-c", code], tmp_path, *numbers, awaited=awaited)


def test_a_signal_while_it_ends_by_itself_waits_for_what_is_done_last(tmp_path: Path) -> None:
    last = "os.kill(os.getpid(), signal.SIGTERM)"
    done = ending(tmp_path, "pass", last, awaited="begin")
    assert (done.code, done.out) == (-signal.SIGTERM, "begin\nend\n")


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    program = "os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait()"
    done = ending(tmp_path, program, "threading.Event().wait()", signal.SIGTERM, awaited="begin")
    assert (done.code, done.out) == (-signal.SIGTERM, "begin\n")


def test_nothing_else_ends_it_once_a_signal_has_come(tmp_path: Path) -> None:
    for then in ("pass", "os._exit(3)"):
        program = f"os.kill(os.getpid(), signal.SIGTERM); {then}"
        done = ending(tmp_path, program, "threading.Event().wait(0.05)", awaited="begin")
        assert (done.code, done.out) == (-signal.SIGTERM, "begin\nend\n")


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    code = ENDING.format(program="os.kill(os.getpid(), signal.SIGHUP)", last="pass")
    nohup = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{code}"
    done = ended(["-c", nohup], tmp_path, awaited="begin")
    assert (done.code, done.out) == (0, "begin\nend\n")


def test_a_handler_of_the_programs_may_leave_while_it_ends(tmp_path: Path) -> None:
    program = "signal.signal(signal.SIGTERM, lambda *_: os._exit(9))"
    done = ending(tmp_path, program, "os.kill(os.getpid(), signal.SIGTERM)", awaited="begin")
    assert (done.code, done.out) == (9, "begin\n")
