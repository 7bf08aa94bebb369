"""Kernels whose work on each thread is known: they burn CPU time, by the thread's own clock."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import tvm
from tvm import relax
from tvm.ir import Range
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

_SOURCE = r"""
#include <stdint.h>
#include <time.h>

static int64_t cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int vmprof_test_burn(int64_t ns) {
  const int64_t end = cpu_ns() + ns;
  while (cpu_ns() < end) continue;
  return 0;
}
"""

MILLISECOND = 1_000_000

Result = TypeVar("Result")


@cache
def load_burner() -> ctypes.CDLL:
    """``vmprof_test_burn(ns)``, where kernels find it."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "burn.c"), Path(folder, "burn.so")
        source.write_text(_SOURCE)
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
