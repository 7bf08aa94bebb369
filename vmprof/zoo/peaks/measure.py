"""Measuring what the processor attains, at the number of threads of TVM's pool.

TVM sets that number when it is loaded, so other numbers take other processes:
``python -m vmprof.zoo.peaks.measure SECONDS`` prints the peaks of its own as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import tvm

from vmprof.counters.hardware.caches import largest_cache
from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent
from vmprof.zoo.lowering.host import host_target, vector_lanes
from vmprof.zoo.peaks.kernels import ACCUMULATORS, compiled, fused_multiply_adds, reading, scaling
from vmprof.zoo.peaks.model import Peaks

_ROUNDS = 200_000  # some milliseconds
_SLICES = 8  # pieces of work per thread of the kernels that move bytes
# Larger than what a cache holds, or the caches would be measured.
_TIMES_CACHE = 4
_LEAST_BYTES, _MOST_BYTES = 1 << 27, 1 << 30
_FLOAT = 4


def measure(threads: int, seconds: float = 1.0, progress: Progress = silent) -> Peaks:
    """The peaks of this machine with ``threads`` threads, in a process of its own.

    ``seconds`` is for each kernel that is tried. Raises :class:`VmprofError` if it fails.
    """
    progress(f"measuring this machine, {threads} thread{'s' if threads > 1 else ''}")
    command = [sys.executable, "-m", "vmprof.zoo.peaks.measure", str(seconds)]
    done = subprocess.run(  # noqa: S603
        command,
        env={**os.environ, "TVM_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        peaks = Peaks(**json.loads(done.stdout))
    except (ValueError, TypeError) as error:
        reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise VmprofError(f"cannot measure the machine with {threads} threads: {reason}") from error
    if peaks.threads != threads:
        raise VmprofError(
            f"TVM runs {peaks.threads} threads at most here; {threads} cannot be measured"
        )
    return peaks


def measure_here(seconds: float) -> Peaks:
    """The peaks with the threads that TVM has in this process."""
    target = host_target()
    lanes = vector_lanes(target)
    threads = tvm.runtime.num_threads()
    gflops = max(_gflops(target, lanes, threads, count, seconds) for count in ACCUMULATORS)
    size = min(max(_TIMES_CACHE * largest_cache(), _LEAST_BYTES), _MOST_BYTES)
    bandwidths = [
        _read_bandwidth(target, lanes, threads, size, seconds),
        _scale_bandwidth(target, lanes, threads, size, seconds),
    ]
    return Peaks(threads, gflops, max(bandwidths))


def _gflops(
    target: tvm.target.Target, lanes: int, threads: int, accumulators: int, seconds: float
) -> float:
    run = compiled(fused_multiply_adds(accumulators, lanes, threads, _ROUNDS), target)
    values = tvm.runtime.tensor(np.ones((threads, accumulators, lanes), "float32"))
    operations = 2 * threads * accumulators * lanes * _ROUNDS
    return operations / _least(lambda: run(values), seconds) / 1e9


def _read_bandwidth(
    target: tvm.target.Target, lanes: int, threads: int, size: int, seconds: float
) -> float:
    chunks = _SLICES * threads
    rows = size // (chunks * 4 * lanes * _FLOAT)
    run = compiled(reading(lanes, chunks, rows), target)
    source = tvm.runtime.tensor(np.ones((chunks, rows, 4, lanes), "float32"))
    sums = tvm.runtime.tensor(np.zeros((chunks, 4, lanes), "float32"))
    moved = chunks * rows * 4 * lanes * _FLOAT
    return moved / _least(lambda: run(source, sums), seconds) / 1e9


def _scale_bandwidth(
    target: tvm.target.Target, lanes: int, threads: int, size: int, seconds: float
) -> float:
    chunks = _SLICES * threads
    rows = size // (2 * chunks * lanes * _FLOAT)
    run = compiled(scaling(lanes, chunks, rows), target)
    shape = (chunks, rows, lanes)
    source = tvm.runtime.tensor(np.ones(shape, "float32"))
    result = tvm.runtime.tensor(np.zeros(shape, "float32"))
    moved = 2 * chunks * rows * lanes * _FLOAT
    return moved / _least(lambda: run(source, result), seconds) / 1e9


def _least(run: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest of as many runs as fit into ``seconds``, three at least."""
    least = float("inf")
    began = time.perf_counter()
    runs = 0
    while runs < 3 or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - before)
        runs += 1
    return least


if __name__ == "__main__":
    from dataclasses import asdict

    print(json.dumps(asdict(measure_here(float(sys.argv[1])))))  # noqa: T201
