"""How warm a measured run finds the machine: as in a loop of its kind, cold, or as it comes.

A model of microseconds takes twice as long after other work as it does again and again:
its code and data have to come back into caches and branch predictors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from vmprof.counters.hardware.caches import largest_cache
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib
from vmprof.record.rounds.engines import Engine
from vmprof.record.rounds.options import Rounds

# A batch of unprofiled runs takes at least this long.
_BATCH_MS = 5
# What takes this long is as fast after other work as after itself, but for noise.
_LONG_MS = 20
# So many runs warm the caches and predictors of short models: more change nothing.
_WARMING_RUNS = 20


class Warmth(ABC):
    """What comes before each measured run. ``described`` is for the report's reader."""

    described: str

    @abstractmethod
    def prepare(self, run: Callable[[], object], /) -> None:
        """Make the machine as warm as the next ``run``, which is measured, shall find it."""

    def time_unprofiled(self, engine: Engine) -> float:
        """Microseconds of a run of TVM's VM."""
        self.prepare(engine.unprofiled)
        return engine.time_unprofiled()


class Warm(Warmth):
    """Unmeasured runs of the same kind come before; for a model that takes ``run_us``."""

    def __init__(self, run_us: float) -> None:
        self._batch = math.ceil(_BATCH_MS * 1e3 / run_us)
        self._runs = min(self._batch, _WARMING_RUNS)
        self.described = (
            f"warm, each after {self._runs:,} unmeasured of its kind; unprofiled in batches of "
            f"{self._batch:,} by TVM's time_evaluator, each after an unmeasured one"
        )

    def prepare(self, run: Callable[[], object], /) -> None:
        for _ in range(self._runs):
            run()

    def time_unprofiled(self, engine: Engine) -> float:
        return engine.evaluate(number=self._batch, repeat=2)[-1]


class AsItComes(Warmth):
    """The run before is of another kind; ``because`` that suits the model."""

    def __init__(self, because: str) -> None:
        self.described = f"single, each after one of another kind: {because}"

    def prepare(self, _run: Callable[[], object], /) -> None:
        pass


class Cold(Warmth):
    """Caches are full of something else."""

    def __init__(self) -> None:
        size = largest_cache()
        if not size:
            raise VmprofError(
                "neither Linux nor the C library says how large this machine's caches are, so they "
                "cannot be evicted; measure without --cold"
            )
        # Twice as much: what a cache throws out first is its own affair.
        self._memory = np.ones(2 * size, np.uint8)
        self.described = (
            "cold, each after the calling thread and TVM's workers read "
            f"{self._memory.nbytes / 2**20:,g} MiB of something else"
        )

    def prepare(self, _run: Callable[[], object], /) -> None:
        lib.vmprof_evict(ffi.from_buffer("char[]", self._memory), self._memory.nbytes)


def warmth_of(rounds: Rounds, engine: Engine) -> Warmth:
    """What ``rounds`` want, or what suits a model that takes as long as ``engine``'s does."""
    if rounds.cold:
        return Cold()
    if rounds.single_pass or rounds.warmup == 0:
        return AsItComes("no run is made that is not measured, but for warm-up rounds")
    # One run may be long because something else had the processor.
    if all(engine.time_unprofiled() >= _LONG_MS * 1e3 for _ in range(2)):
        return AsItComes(f"a run takes {_LONG_MS} ms or more")
    return Warm(engine.evaluate(number=1, least_ms=_BATCH_MS)[0])
