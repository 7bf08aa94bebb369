"""Kernels whose work on each thread is known: they burn CPU time, by the thread's own clock."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import tvm
from tvm import relax
from tvm.script import tirx as T

MILLISECOND = 1_000_000  # in nanoseconds

_SOURCE = r"""
#include <pthread.h>
#include <stdint.h>
#include <time.h>

static int64_t cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int vmprof_test_burn(int64_t ns) {
  if (ns < 0) return -1;
  const int64_t end = cpu_ns() + ns;
  while (cpu_ns() < end) continue;
  return 0;
}

static void *burn(void *ns) {
  vmprof_test_burn(*(const int64_t *)ns);
  return NULL;
}

/* The same, by a thread that is started for it and gone at the end. */
int vmprof_test_burn_elsewhere(int64_t ns) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, burn, &ns) != 0) return -1;
  return pthread_join(thread, NULL);
}
"""


@cache
def _load_burner() -> ctypes.CDLL:
    """``vmprof_test_burn(ns)``, where kernels find it; it fails if ``ns`` is negative."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "burn.c"), Path(folder, "burn.so")
        source.write_text(_SOURCE)
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-O2", "-shared", "-fPIC", "-pthread", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def burner_address() -> int:
    """Where `vmprof_test_burn` begins, which each task of `burning` calls once."""
    address = ctypes.cast(_load_burner().vmprof_test_burn, ctypes.c_void_p).value
    assert address is not None
    return address


def burning(*kernels: Sequence[int], elsewhere: bool = False) -> tvm.runtime.Executable:
    """``main()`` calls a kernel for each of ``kernels``, in that order: ``burn0``, ``burn1``, ...

    A kernel launches a task for each of its numbers, which burns so many
    nanoseconds of CPU time, or fails if that is negative. If there is only one,
    the calling thread does it without a launch. ``elsewhere``: each task leaves that to
    a thread that it starts and waits for.
    """
    _load_burner()
    builder = relax.BlockBuilder()
    with builder.function("main", []):
        for number, tasks in enumerate(kernels):
            kernel = _kernel(len(tasks), elsewhere=elsewhere).with_attr(
                "global_symbol", f"burn{number}"
            )
            result = builder.emit(
                relax.call_tir(
                    builder.add_func(kernel, f"burn{number}"),
                    (relax.const(np.array(tasks, "int64"), "int64"),),
                    out_ty=relax.TensorType((1,), "float32"),
                )
            )
        builder.emit_func_output(result)
    return tvm.compile(builder.get(), tvm.target.Target("llvm"))


def _kernel(tasks: int, *, elsewhere: bool) -> tvm.tirx.PrimFunc:
    loop = T.parallel if tasks > 1 else T.serial
    burn = "vmprof_test_burn_elsewhere" if elsewhere else "vmprof_test_burn"

    @T.prim_func(s_tir=True, check_well_formed=False)
    def kernel(times: T.Buffer((tasks,), "int64"), result: T.Buffer((1,), "float32")) -> None:
        for i in loop(tasks):
            assert T.call_extern("int32", burn, times[i]) == 0, "cannot burn that"
        result[0] = T.float32(0)

    return kernel


Result = TypeVar("Result")


def with_pool(threads: int, function: Callable[[], Result]) -> Result:
    """Call ``function`` on a thread of its own, whose pool has so many ``threads``, itself one."""
    all_cpus = sorted(os.sched_getaffinity(0))
    cpus = [str(all_cpus[i % len(all_cpus)]) for i in range(threads)]

    def run() -> Result:
        # The pool and the limit are the calling thread's own; -3: threads share the CPUs.
        tvm.get_global_func("runtime.config_threadpool")(-3, threads, cpus)
        return function()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(run).result()


def wait_for_idle_pools() -> None:
    """Until no other thread of the process can run: workers of pools spin for a while."""
    this = threading.get_native_id()
    while any(
        _is_runnable(task) for task in Path("/proc/self/task").iterdir() if task.name != str(this)
    ):
        time.sleep(0.001)


def _is_runnable(task: Path) -> bool:
    """Whether a thread runs or waits for a processor."""
    try:
        # The state comes after the name, which stands in parentheses and may hold anything.
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state == "R"


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """Other threads of this process burn CPU time meanwhile, without the interpreter's lock."""
    burner = _load_burner()
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            burner.vmprof_test_burn(ctypes.c_int64(MILLISECOND))

    threads = [threading.Thread(target=spin) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
