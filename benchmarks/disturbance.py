"""How much profiling disturbs: an empty call, and whole models.

Run: python benchmarks/disturbance.py [MODEL ...]    (default: mlp, in two ways, and resnet18)

Both sides of every figure run in this process, in turn; figures are medians,
those of models with their quartiles. Goals are of the time passes alone, as
durations come from those.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import Any

import tvm

import vmprof
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.native import empty
from vmprof.record.recorder import Reading, Recorder
from vmprof.report import Samples
from vmprof.values import SAMPLES_SUFFIX
from vmprof.vm import Site
from vmprof.zoo.models.mlp import mlp

CALLS = 1000
ROUNDS = 200
# What profiled Total over unprofiled time shall not exceed.
GOALS = {"mlp": 1.3, "mlp, plain": 1.3, "mobilenet": 1.05, "squeezenet1.1": 1.05}
GOAL_OF_OTHERS = 1.02


def nanoseconds_per_call(function: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    for _ in range(CALLS):
        function()
    return (time.perf_counter_ns() - began) / CALLS


def empty_call() -> None:
    """The recorder around a packed function that does nothing."""
    recorder = Recorder(sample_words=0)
    wrapped = recorder.wrap(Site(0, "", 0, "empty"), empty)
    windows, plain, recorded = [], [], []
    for _ in range(ROUNDS):
        plain.append(nanoseconds_per_call(empty))
        recorder.run(lambda: recorded.append(nanoseconds_per_call(wrapped)), Reading.TIME)
        durations = recorder.recording(Reading.TIME).durations_ns
        assert durations is not None
        windows.append(median(durations.tolist()))
    added = median(r - p for r, p in zip(recorded, plain, strict=True))
    print(f"empty call, unwrapped      {median(plain):8.0f} ns")
    print(f"empty call, recorded       {median(recorded):8.0f} ns")
    print(f"  added by the recorder    {added:8.0f} ns   (goal: at most 150)")
    print(f"  its window reads         {median(windows):8.0f} ns   (goal: at most 60)")


def model(name: str, source: Any, engine: str = DEFAULT_ENGINE) -> None:
    """Profiled Total over the same round's run in TVM's own VM."""
    quick = name.startswith("mlp")
    report = vmprof.profile(source, counters="none", engine=engine, repeats=200 if quick else 30)
    (total,) = report.device_metrics.values()
    profiled = total[f"Duration (us){SAMPLES_SUFFIX}"]
    unprofiled = report.configuration[f"Unprofiled mean (us){SAMPLES_SUFFIX}"]
    assert isinstance(profiled, Samples)
    assert isinstance(unprofiled, Samples)
    ratios = [p / u for p, u in zip(profiled.values, unprofiled.values, strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    label = name if engine == DEFAULT_ENGINE else f"{name}, --engine {engine}"
    print(
        f"{label}: {median(unprofiled.values):,.1f} us unprofiled; profiled over unprofiled "
        f"{middle:.3f} ({low:.3f} to {high:.3f}; goal: at most {GOALS.get(name, GOAL_OF_OTHERS)})"
    )


def main(names: Sequence[str]) -> None:
    empty_call()
    if not names:
        # As TVM compiles it by itself: 47 instructions, a kernel per operator.
        model("mlp, plain", tvm.compile(mlp(), "llvm"))
    for name in names or ["mlp", "resnet18"]:
        model(name, name)
        if name == "mlp":
            model(name, name, "tvm")


if __name__ == "__main__":
    main(sys.argv[1:])
