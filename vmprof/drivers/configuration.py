"""What a report says of a measurement besides its rows."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import stdev

import tvm

from vmprof.counters import Counters
from vmprof.program import Program
from vmprof.program.bytecode import FunctionKind
from vmprof.record.plan import OpenPlan
from vmprof.record.rounds.measurement import Measured, Measurement
from vmprof.record.rounds.options import Rounds
from vmprof.report.estimator import ESTIMATOR, middle_mean
from vmprof.report.noise import WARM_UP_SETTLED
from vmprof.values import SAMPLES_SUFFIX, Count, Duration, Metric, Samples
from vmprof.version import __version__


def configuration(
    program: Program,
    engine: str,
    rounds: Rounds,
    *,
    measured: Measured,
    plan: OpenPlan,
    measurement: Measurement,
) -> dict[str, Metric]:
    """What was run and how: what the report says of one engine's rows."""
    counters, times = plan.counters, measurement.unprofiled_us
    facts: dict[str, Metric] = {
        "Number of threads": Count(tvm.runtime.num_threads()),
        "Executor": "VM",
        "Engine": engine,
        "Model": program.name,
        "Unprofiled mean (us)": Duration(middle_mean(times)),
        "Unprofiled std (us)": Duration(stdev(times) if len(times) > 1 else 0.0),
        f"Unprofiled mean (us){SAMPLES_SUFFIX}": Samples(tuple(times)),
        "Repeats": Count(len(times)),
        "Warm-up": Count(len(measured.warm_up.rounds)),
        WARM_UP_SETTLED: measured.warm_up.told,
        "Measured runs": measured.warmth.described,
        "Estimator": ESTIMATOR,
        "vmprof": __version__,
        "TVM": tvm.__version__,
    }
    native = [f.name for f in program.bytecode.functions if f.kind is FunctionKind.VMTIR]
    if native:
        facts["Native code"] = (
            f'{", ".join(native)} (exec_mode="compiled"): of the calls inside, those have rows '
            "that go through the table of functions"
        )
    facts |= plan.facts(
        "in the runs that are timed" if rounds.single_pass else "in runs of their own"
    )
    for number, one in enumerate(counters.passes, start=1):
        columns = ", ".join(one.layout.columns)
        facts[f"Counters, pass {number}"] = f"{columns}; read {one.how}"
    if counters.wide.columns:
        facts["Counted per run"] = (
            f"{', '.join(counters.wide.columns)}: of whole processors or packages during a timed "
            "run, whoever used them"
        )
    return facts


def per_run(counters: Counters, measurement: Measurement) -> list[Mapping[str, Metric]]:
    """What was measured of each timed run as a whole, besides the counters of its thread."""
    return [
        {
            **{
                column: Count(count)
                for column, count in zip(counters.wide.columns, counts, strict=True)
                if count is not None
            },
            **row,
        }
        for counts, row in zip(measurement.wide, measurement.per_run, strict=True)
    ]
