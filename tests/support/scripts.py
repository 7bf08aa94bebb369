"""Programs of users, in processes of their own: alone, and under ``vmprof record``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

# A module: ``base.vm()["main"]()`` is an invocation without a call.
BASE = """\
import tvm
from tvm import relax
from vmprof.program.bytecode import VOID_REGISTER, Bytecode, Register, Ret
from vmprof.vm.executable import load, vm_function

code = (Ret(Register(VOID_REGISTER)),)
module = load(Bytecode((vm_function("main", 0, 1),), code, (), {}))

def vm():
    return relax.VirtualMachine(module, tvm.cpu())
"""


def environment() -> dict[str, str]:
    """That of the tests, without warnings."""
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def run(
    *command: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """``python COMMAND``."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=cwd,
    )


def record(
    *words: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """``vmprof record WORDS``."""
    return run("-m", "vmprof", "record", *words, cwd=cwd, stdin=stdin)
