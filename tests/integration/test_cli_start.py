"""How the command line starts: what it loads, and that it can be interrupted from the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import start
from support.reports import network

# Prints what is loaded when the program is at its end.
LOADED = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
sys.argv[0] = "vmprof"
from vmprof.cli.main import program
sys.exit(program())
"""

# The signal of that number, while the module is looked for that the next argument names. In text
# that is executed, as dataclasses do it, Python remembers it for the end of the process.
INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == where:
            exec(f"import os; os.kill(os.getpid(), {number})")

_, number, where, *arguments = sys.argv
sys.meta_path.insert(0, Finder())
sys.argv = ["vmprof", *arguments]
from vmprof.cli.main import program
sys.exit(program())
"""

# SIGINT in a function that native code calls, which passes it on as an error of its own.
INTERRUPTED_INSIDE = """
import os, signal
import tvm_ffi

@tvm_ffi.register_global_func("vmprof.test.interrupted")
def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

class Collector:
    scope = "run"
    def start(self):
        {call}
        while True:  # until it is interrupted
            pass
    def stop(self):
        return {{}}
"""


def python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "run --help",
        "validate --help",
        "show report.json",
        "show report.json --json r.json --csv r.csv --html r.html --trace r.trace",
        "diff report.json report.json --fail-over 5%",
        "audit report.json",
        "completion bash",
    ],
)
def test_tvm_is_loaded_where_a_model_is_run(tmp_path: Path, command: str) -> None:
    (tmp_path / "report.json").write_text(network().json())
    result = python(LOADED, *command.split(), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stderr.split())
    assert "vmprof.cli.parser" in loaded
    assert loaded & {"tvm", "tvm_ffi", "torch", "pandas", "vmprof._native"} == set()
    # The audit of counters takes numpy, which takes as long to load as all the rest.
    assert ("numpy" in loaded) == command.startswith("audit")


def test_of_the_commands_the_one_that_is_named_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(network().json())
    result = python(LOADED, "--debug", "show", "report.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stderr.split())
    assert "vmprof.cli.show" in loaded
    assert loaded & {"vmprof.cli.audit", "vmprof.cli.run", "vmprof.cli.record"} == set()


def test_the_package_loads_what_is_used() -> None:
    code = (
        "import sys, vmprof; print('tvm' in sys.modules, vmprof.__version__ and 'tvm' in "
        "sys.modules, vmprof.Report.__name__, 'tvm' in sys.modules, vmprof.profile.__name__)"
    )
    result = python(code, cwd=Path())
    assert result.stdout.split() == ["False", "False", "Report", "False", "profile"]


def test_every_public_name_is_there() -> None:
    import vmprof

    for name in vmprof.__all__:
        assert getattr(vmprof, name) is not None
        assert name in dir(vmprof)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = vmprof.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "number", "word"),
    [
        ("argparse", signal.SIGINT, "interrupted"),
        ("vmprof.cli.parser", signal.SIGTERM, "terminated"),
        ("numpy", signal.SIGINT, "interrupted"),
        ("tvm_ffi", signal.SIGTERM, "terminated"),
        ("tvm", signal.SIGHUP, "hung up"),
        ("tvm.relax", signal.SIGINT, "interrupted"),
        ("vmprof.zoo.models", signal.SIGTERM, "terminated"),
    ],
)
def test_interrupted_while_it_loads(
    tmp_path: Path, module: str, number: signal.Signals, word: str
) -> None:
    result = python(INTERRUPTED, str(int(number)), module, "run", "mlp", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (128 + number, f"vmprof: {word}\n")
    assert result.stdout == ""


@pytest.mark.parametrize(
    "call",
    [
        'tvm_ffi.get_global_func("vmprof.test.interrupted")()',
        "type('Finalized', (), {'__del__': lambda _: interrupted()})()",
    ],
    ids=["in a call from native code", "in a finalizer"],
)
def test_interrupted_where_it_is_taken_for_something_else(tmp_path: Path, call: str) -> None:
    (tmp_path / "interrupts.py").write_text(INTERRUPTED_INSIDE.format(call=call))
    code = "from vmprof.cli.main import program; raise SystemExit(program())"
    command = "run mlp --repeats 1 --counters none --collector interrupts.py:Collector"
    result = python(code, *command.split(), "--json", "r.json", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (130, "vmprof: interrupted\n")
    assert not (tmp_path / "r.json").exists()


def test_what_a_shell_has_ignored_stays_ignored(tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + INTERRUPTED
    number = str(int(signal.SIGINT))
    result = python(code, number, "vmprof.cli.doctor", "doctor", cwd=tmp_path)
    assert "interrupted" not in result.stderr
    assert result.returncode != 130
    assert result.stdout


def test_a_compiler_that_cannot_be_loaded_is_no_runtime_alone(tmp_path: Path) -> None:
    """TVM goes on without it, and says nothing."""
    library = tmp_path / "libtvm_compiler.so"
    library.write_text("no library")
    done = start("run", "mlp", env={**os.environ, "TVM_LIBRARY_PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"whose library cannot be loaded ({library}: file too short)" in done.stderr
