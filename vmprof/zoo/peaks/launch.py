"""What it takes to hand work to the threads of TVM's pool, in this process, as it is set up."""

from __future__ import annotations

import time

import tvm

from vmprof.zoo.lowering.host import host_target
from vmprof.zoo.peaks.kernels import compiled, launching

_LAUNCHES = 200
_SECONDS = 0.1


def launch_us() -> float:
    """Microseconds of a launch of next to no work for all threads, at best."""
    launches = compiled(launching(), host_target())
    values = tvm.runtime.empty((tvm.runtime.num_threads(), 16), "float32")
    launches(values, _LAUNCHES)
    least = float("inf")
    ends = time.perf_counter() + _SECONDS
    while time.perf_counter() < ends or least == float("inf"):
        before = time.perf_counter()
        launches(values, _LAUNCHES)
        least = min(least, time.perf_counter() - before)
    return 1e6 * least / _LAUNCHES
