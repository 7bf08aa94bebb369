"""A model that takes its process down: with a process of its own, that is one line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
import tvm
from support.commands import Completed, run
from support.models import calls_packed

from vmprof import Report

# Ends its process in the call of that number of each process, in that start alone.
KERNELS = """
import ctypes, os, signal, threading
from pathlib import Path
import tvm_ffi

library = Path(__file__).with_name("lib.so")
if library.exists():
    library = ctypes.CDLL(str(library))
calls = 0
starts = Path(__file__).with_name("starts")
with starts.open("a") as file:
    file.write("x")
start = len(starts.read_text())

@tvm_ffi.register_global_func("test_isolated.kernel")
def kernel(x, y):
    global calls
    calls += 1
    y.copyfrom(x.numpy())
    if calls == int(os.environ["LAST_CALL"]) and start == int(os.environ["LAST_START"]):
        {ending}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("isolated")
    executable = tvm.compile(calls_packed("test_isolated.kernel"), "llvm")
    executable.export_library(str(folder / "model.so"))
    return folder


def measure(
    folder: Path, name: str, ending: str, *options: str, last: int = 1, call: int = 12
) -> Completed:
    (folder / "starts").unlink(missing_ok=True)
    (folder / f"{name}.py").write_text(KERNELS.format(ending=ending))
    env = {"PYTHONPATH": str(folder), "LAST_START": str(last), "TMPDIR": str(folder)}
    env["LAST_CALL"] = str(call)
    quick = ("--repeats", "6", "--counters", "none", "--quiet")
    return run("run", "model.so", "--import", name, *quick, *options, cwd=folder, env=env)


LIBRARY = "int crash(int *from) { return *from; }"
IN_THREAD = (
    "thread = threading.Thread(target=ctypes.CDLL(None).abort); thread.start(); thread.join()"
)
OF_MAIN = ", instruction 9 of 'main'"


@pytest.mark.parametrize(
    ("engine", "ending", "how", "where"),
    [
        (
            "vmprof",
            "library.crash(None)",
            "was ended by SIGSEGV (Segmentation fault)",
            f"{OF_MAIN}), at crash of lib.so",
        ),
        ("tvm", "os.abort()", "was ended by SIGABRT (Aborted)", ")"),
        # Another thread than that which runs the model, which waits for it.
        ("vmprof", IN_THREAD, "was ended by SIGABRT (Aborted)", f"{OF_MAIN})"),
        (
            "tvm",
            "ctypes.CDLL(None).exit(3)",
            "left by itself, with exit code 3",
            ")",
        ),
    ],
)
def test_what_ends_its_process_is_one_line_that_names_the_operator(
    folder: Path, engine: str, ending: str, how: str, where: str
) -> None:
    subprocess.run(
        ["cc", "-shared", "-xc", "-", "-o", "lib.so"],
        input=LIBRARY,
        text=True,
        cwd=folder,
        check=True,
    )
    done = measure(folder, "dies", ending, "--isolate", "--engine", engine, call=1)
    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr == (
        f"vmprof: error: the process that the model ran in {how} while it was warming up, round 1 "
        f"of at most 20, in test_isolated.kernel (call 8 of the run{where}: what the model calls "
        "did that\n"
    )


def test_rounds_before_it_are_kept(folder: Path) -> None:
    # Cold, each round runs the model as often as the others, and by itself.
    cold = ("--isolate", "--cold", "--warmup", "0")
    kill = "os.kill(os.getpid(), signal.SIGSEGV)"
    done = measure(folder, "late", kill, *cold, call=12)
    assert done.returncode == 5
    kept = re.fullmatch(
        r"vmprof: error: the process .* while it was measuring, round (\d) of 6, in .*; "
        r"what was measured is kept in (\S+)\n",
        done.stderr,
    )
    assert kept is not None, done.stderr
    report = Report.from_json(Path(kept[2]).read_text())
    assert 1 <= report.configuration["Repeats"].value < int(kept[1])
    assert report.configuration["Unfinished"] == "what was measured before the process ended"
    assert "test_isolated.kernel" in {call["Name"] for call in report.calls}


def test_so_is_leaving(folder: Path) -> None:
    done = measure(folder, "leaves", "os._exit(0)", "--isolate")
    assert done.returncode == 5
    assert "the model ran in left by itself, with exit code 0 while it was " in done.stderr
    assert done.stderr.count("\n") == 1


def test_starts_before_it_are_kept(folder: Path) -> None:
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    done = measure(folder, "later", kill, "--processes", "3", last=2)
    assert done.returncode == 5
    assert signal.SIGKILL.name in done.stderr
    assert (
        "(start 2 of 3): somebody killed it, or Linux did, for want of memory, which leaves it no "
        "time to say in which operator"
    ) in done.stderr
    kept = re.search(r"what was measured is kept in (\S+)\n", done.stderr)
    assert kept is not None
    calls = json.loads(Path(kept[1]).read_text())["calls"]
    assert "test_isolated.kernel" in {call["Name"]["string"] for call in calls}


def test_what_does_not_die_is_reported(folder: Path) -> None:
    done = measure(folder, "lives", "pass", "--isolate", last=0)
    assert done.returncode == 0, done.stderr
    assert "test_isolated.kernel" in done.stdout
    assert "Starts" not in done.stdout
