"""Measuring what the processor attains, at the number of threads of TVM's pool.

TVM sets that number when it is loaded, so other numbers take other processes:
``python -m vmprof.zoo.peaks.measure SECONDS`` prints what its own attains as JSON.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

import msgspec
import tvm

from vmprof.counters.hardware.cache_levels import cache_levels
from vmprof.counters.hardware.caches import largest_cache
from vmprof.errors import VmprofError
from vmprof.progress import Progress, kept_up, silent
from vmprof.zoo.lowering.host import host_target, vector_lanes
from vmprof.zoo.peaks.kernels import (
    ACCUMULATORS,
    compiled,
    filling,
    fused_multiply_adds,
    reading,
    shifting,
)
from vmprof.zoo.peaks.model import MEMORY, Level, Peaks, Rate, settled
from vmprof.zoo.peaks.sizes import Place, places

# All rates together; what is measured three times within 3 % is done before.
DEFAULT_SECONDS = 5.0

_BATCH_SECONDS = 0.015
_ROUNDS = 200_000  # of multiplications: some milliseconds
_MOVED = 8 << 20  # bytes of a run, at least, of which a launch is no part
_FLOAT = 4
_NEARLY = 0.7


def measure(threads: int, seconds: float = DEFAULT_SECONDS, progress: Progress = silent) -> Peaks:
    """The peaks of this machine with ``threads`` threads, in a process of its own.

    It stops after ``seconds``, besides what compiling takes, even if rates still differ. Raises
    :class:`VmprofError` if it fails.
    """
    what = f"{threads} thread{'s' if threads > 1 else ''}"
    command = [sys.executable, "-m", "vmprof.zoo.peaks.measure", str(seconds)]
    with kept_up(progress, lambda: f"measuring what this machine attains, {what}"):
        done = subprocess.run(  # noqa: S603
            command,
            env={**os.environ, "TVM_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        peaks = msgspec.json.decode(done.stdout, type=Peaks)
    except msgspec.DecodeError as error:
        reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise VmprofError(f"cannot measure the machine with {what}: {reason}") from error
    if peaks.threads != threads:
        raise VmprofError(
            f"TVM runs {peaks.threads} threads at most here; {threads} cannot be measured"
        )
    return peaks


def measure_here(seconds: float) -> Peaks:
    """The peaks with the threads that TVM has in this process."""
    threads = tvm.runtime.num_threads()
    target = host_target()
    of_levels = places(cache_levels(), largest_cache(), threads)
    moving = _Moving(target, threads)
    compute, *moved = settled(
        [
            _computing(target, threads),
            *(moving.batch(place) for place in of_levels),
        ],
        seconds,
        time.perf_counter,
    )
    return Peaks(
        threads,
        compute,
        tuple(
            Level(place.name, moving.holds(place, rate), rate)
            for place, rate in zip(of_levels, moved, strict=True)
        ),
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _computing(target: tvm.target.Target, threads: int) -> Callable[[], float]:
    """GFLOP/s of the best number of vectors that are under way at once."""
    lanes = vector_lanes(target)
    kernels: list[tuple[float, Callable[[], object]]] = []
    for accumulators in ACCUMULATORS:
        run = compiled(fused_multiply_adds(accumulators, lanes, threads, _ROUNDS), target)
        values = tvm.runtime.empty((threads, accumulators, lanes), "float32")
        kernels.append((2e-9 * threads * accumulators * lanes * _ROUNDS, partial(run, values)))
    return lambda: max(operations / _least(run) for operations, run in kernels)


class _Moving:
    """Reads, or reads and writes, as many bytes as fit into a place."""

    def __init__(self, target: tvm.target.Target, threads: int) -> None:
        self._lanes = vector_lanes(target)
        self._threads = threads
        self._fill, self._read, self._shift = (
            compiled(make(self._lanes), target) for make in (filling, reading, shifting)
        )

    def holds(self, place: Place, rate: Rate) -> int | None:
        """Bytes of ``place`` that data really have; None of memory.

        Others may use a cache, or a hypervisor may keep a part of it for them: it is what can
        be read at nearly the same rate again and again.
        """
        if place.bytes is None:
            return None
        size = place.bytes
        while size // 2 > place.size:
            half = replace(place, size=size // 2)
            if max(self.batch(half)() for _ in range(2)) >= _NEARLY * rate.best:
                return size
            size //= 2
        return size

    def batch(self, place: Place) -> Callable[[], float]:
        """GB/s of the faster of both."""
        halves = [self._filled(place.size // 2, place) for _ in range(2)]
        # Of memory both halves are read, one after the other: it would be much memory.
        whole = halves if place.name == MEMORY else [self._filled(place.size, place)]
        sums = tvm.runtime.empty((whole[0].shape[0], self._lanes), "float32")
        rounds = _rounds(place)

        def read() -> None:
            for tensor in whole:
                self._read(tensor, sums, rounds)

        runs = [
            (sum(map(_bytes_of, moved)) * rounds * 1e-9, run)
            for moved, run in ((whole, read), (halves, partial(self._shift, *halves, rounds)))
        ]
        return lambda: max(moved / _least(run) for moved, run in runs)

    def _filled(self, size: int, place: Place) -> Any:
        chunks = place.slices * self._threads
        rows = max(size // (chunks * 8 * self._lanes * _FLOAT), 1)
        tensor = tvm.runtime.empty((chunks, rows, 8, self._lanes), "float32")
        self._fill(tensor)
        return tensor


def _rounds(place: Place) -> int:
    return 1 if place.name == MEMORY else max(_MOVED // place.size, 1)


def _bytes_of(tensor: Any) -> int:
    count = _FLOAT
    for size in tensor.shape:
        count *= int(size)
    return count


def _least(run: Callable[[], object]) -> float:
    """Seconds of the fastest of as many runs as fit into a batch, one at least."""
    least = float("inf")
    began = time.perf_counter()
    runs = 0
    while runs < 1 or time.perf_counter() - began < _BATCH_SECONDS:
        before = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - before)
        runs += 1
    return least


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure_here(float(sys.argv[1]))))
