"""Loops in C, for figures that hold no Python: compiled when a benchmark begins."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cffi import FFI

from vmprof.native import ffi as vmprof_ffi


def compiled(name: str, ffi: FFI) -> Any:
    """The library of ``NAME.c`` beside this file, with what ``ffi`` declares."""
    source = Path(__file__).with_name(f"{name}.c")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, f"{name}.so")
        compiler = os.environ.get("CC", "cc")
        flags = ["-O2", "-shared", "-fPIC", "-pthread"]
        subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
        return ffi.dlopen(str(library))


def pointer(ffi: FFI, native: Any) -> Any:
    """What vmprof's native half calls ``native``, as ``ffi`` knows it."""
    return ffi.cast("void *", int(vmprof_ffi.cast("intptr_t", native)))
