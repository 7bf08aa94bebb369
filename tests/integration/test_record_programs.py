"""``vmprof record`` of programs that are not as simple as a chat loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.scripts import BASE, record, run

from vmprof.recording.saved import load

OS_EXIT = """\
import os, base
base.vm()["main"]()
print("out", flush=True)
os._exit(5)
"""

# tvm-ffi aborts the process if Python ends while a thread is in one of its calls.
DAEMON = """\
import atexit, threading, time, base
called, leaving = threading.Event(), threading.Event()

def loop():
    main = base.vm()["main"]
    while not leaving.is_set():
        main()
        called.set()
        time.sleep(0.001)

thread = threading.Thread(target=loop, daemon=True)
thread.start()
atexit.register(lambda: (leaving.set(), thread.join()))
called.wait()
print("end")
"""

PROCESSES = """\
import multiprocessing, sys, base

def squared(number):
    base.vm()["main"]()
    return number * number

if __name__ == "__main__":
    base.vm()["main"]()
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(squared, range(3)))
"""

STDIN = """\
import sys, base
main = base.vm()["main"]
for line in sys.stdin:
    main()
    print(line.strip()[::-1])
"""

ASYNCIO = """\
import asyncio, base

async def one(vm):
    await asyncio.sleep(0)
    vm["main"]()
    await asyncio.to_thread(base.vm()["main"])
    return vm is not None

async def main():
    vm = base.vm()
    print(await asyncio.gather(*[one(vm) for _ in range(3)]))

asyncio.run(main())
"""

PROFILE = """\
import base, vmprof
report = vmprof.profile(base.module, repeats=3, counters="none")
print(report.configuration["Repeats"])
base.vm()["main"]()
"""

SESSION = """\
import base, vmprof
base.vm()["main"]()
with vmprof.Session():
    pass
"""

NO_VM = """\
import sys
print("hello")
sys.exit(4)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.py").write_text(BASE)
    return tmp_path


def invocations(path: Path) -> int:
    return int(load(path).totals["invocations"].sum())


@pytest.mark.parametrize(
    ("program", "arguments", "stdin", "called"),
    [
        pytest.param(OS_EXIT, [], None, 1, id="os._exit"),
        pytest.param(PROCESSES, ["fork"], None, 1, id="fork"),
        pytest.param(PROCESSES, ["spawn"], None, 1, id="spawn"),
        pytest.param(STDIN, [], "abc\ndef\n", 2, id="stdin"),
        pytest.param(ASYNCIO, [], None, 6, id="asyncio"),
        pytest.param(PROFILE, [], None, 1, id="profile"),
    ],
)
def test_it_runs_as_without(
    folder: Path, program: str, arguments: list[str], stdin: str | None, called: int
) -> None:
    (folder / "program.py").write_text(program)
    words = ("program.py", *arguments)
    alone = run(*words, cwd=folder, stdin=stdin)
    how = ("--counters", "none", "--save", "run.vmprof", "--")
    done = record(*how, *words, cwd=folder, stdin=stdin)
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout), done.stderr
    assert alone.stdout
    assert invocations(folder / "run.vmprof") == called
    assert load(folder / "run.vmprof").problems == ()
    assert done.stderr.count("Evaluate vm inference cost of main") >= 1


def test_a_daemon_thread_that_goes_on_does_not_hinder_the_end(folder: Path) -> None:
    (folder / "program.py").write_text(DAEMON)
    done = record("--counters", "none", "--save", "run.vmprof", "program.py", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert invocations(folder / "run.vmprof") >= 1


def test_a_session_of_the_programs_own_is_refused_with_the_way_out(folder: Path) -> None:
    (folder / "program.py").write_text(SESSION)
    done = record("--counters", "none", "program.py", cwd=folder)
    assert done.returncode == 1
    (told,) = (
        line for line in done.stderr.splitlines() if line.startswith("vmprof.errors.VmprofError:")
    )
    assert told.endswith("under vmprof record, whose session it is, leave out your own")
    assert "Evaluate vm inference cost of main" in done.stderr


def test_a_program_without_a_vm_is_told_so_in_one_line(folder: Path) -> None:
    (folder / "program.py").write_text(NO_VM)
    how = ("--counters", "software", "--save", "nothing.vmprof")
    done = record(*how, "program.py", cwd=folder)
    assert (done.returncode, done.stdout) == (4, "hello\n")
    assert load(folder / "nothing.vmprof").counts[0].values.shape == (0, 4)
    assert done.stderr.startswith("Nothing was recorded: no tvm.relax.VirtualMachine")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("taken", ["io.StringIO()", "None"])
def test_the_report_goes_where_stderr_was(folder: Path, taken: str) -> None:
    lines = ("import io, sys, base", f"sys.stdout = sys.stderr = {taken}", "base.vm()['main']()")
    (folder / "program.py").write_text("\n".join(lines))
    done = record("--counters", "none", "program.py", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Evaluate vm inference cost of main" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["."], "cannot record .: can't find '__main__' module in '.'"),
        (["-m", "no_such_module"], "cannot record no_such_module: No module named no_such_module"),
        (["-m", "no_such.module"], "cannot record no_such.module: Error while finding module"),
    ],
)
def test_what_cannot_be_run_is_one_line(folder: Path, words: list[str], said: str) -> None:
    done = record("--counters", "none", *words, cwd=folder)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"vmprof: error: {said}")
    assert done.stderr.count("\n") == 1
