"""What type checkers know of the native half is what it has."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from vmprof.native import lib

ROOT = Path(__file__).parents[2]


def test_it_is_made_of_the_header() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "native/make_stub.py", "--check"], check=False, timeout=60
    )
    assert done.returncode == 0, "run: .venv/bin/python native/make_stub.py"


def test_the_built_module_has_what_it_says() -> None:
    tree = ast.parse((ROOT / "vmprof/_native.pyi").read_text())
    (members,) = (
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "_Lib"
    )
    named = {
        node.name if isinstance(node, ast.FunctionDef) else ast.unparse(node.target)
        for node in members
        if isinstance(node, (ast.FunctionDef, ast.AnnAssign))
    }
    assert len(named) > 80
    assert named == set(dir(lib))
