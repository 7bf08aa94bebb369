"""How much profiling disturbs: an empty call, and whole models.

    python benchmarks/disturbance.py [--quick] [--json FILE] [--models MODEL ...]

Models are run in rounds, as `vmprof validate` does: a run that is timed by either engine,
and TVM's VM unprofiled after each. Short ones are measured warm. Ratios are of medians, in
brackets the quartiles of the rounds' own. What counters cost is not in them: durations come
of runs that are timed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from figures import Figure, alone, differences, ratios
from models import PLAIN, Measured, measured
from programs import choice_of_models, in_a_run
from turns import in_turn, wall_ns

from vmprof.native import empty
from vmprof.record.recorder import Reading, Recorder
from vmprof.report.estimator import middle_mean
from vmprof.vm import Site
from vmprof.zoo.models import MODELS

ALL = (PLAIN, *MODELS)

CALLS, ROUNDS = 1000, 200
GOAL_ADDED_NS, GOAL_WINDOW_NS = 150.0, 60.0
# Profiled Total over unprofiled: in models of microseconds, every call is a part of it.
GOAL, GOAL_SHORT = 1.02, 1.15
GOAL_OUTSIDE_PERCENT = 1.0
GOAL_AGREEMENT_PERCENT = 3.0
SHORT_US = 1000.0


def empty_call(*, quick: bool) -> Iterator[Figure]:
    """The recorder around a packed function that does nothing."""
    recorder = Recorder(sample_words=0)
    wrapped = recorder.wrap(Site(0, "", 0, "empty"), empty)
    windows, calls = [], in_a_run(recorder, wall_ns(wrapped, CALLS))

    def recorded() -> float:
        took = calls()
        durations = recorder.recording(Reading.TIME).durations_ns
        assert durations is not None
        windows.append(median(durations.tolist()))
        return took

    sides = {"plain": wall_ns(empty, CALLS), "recorded": recorded}
    found = in_turn(sides, rounds=ROUNDS // 10 if quick else ROUNDS)
    yield Figure.of_samples(
        "empty call", "unwrapped", found["plain"], unit="ns", of="a call from Python"
    )
    yield Figure.of_samples(
        "empty call", "recorded", found["recorded"], unit="ns", of="a call from Python"
    )
    yield Figure.of_samples(
        "empty call",
        "added by the recorder",
        differences(found["recorded"], found["plain"]),
        unit="ns",
        of="recorded less unwrapped",
        goal=GOAL_ADDED_NS,
    )
    yield Figure.of_samples(
        "empty call", "window", windows, unit="ns", of="what it reads", goal=GOAL_WINDOW_NS
    )


def of_model(name: str, found: Measured) -> Iterator[Figure]:
    for engine, of in found.engines.items():
        case = f"{name}, --engine {engine}"
        short = median(of.unprofiled) < SHORT_US
        goal = GOAL_SHORT if short else GOAL
        yield Figure.of_samples(case, "unprofiled", of.unprofiled, unit="us", of="TVM's VM")
        yield Figure.of_ratio(
            case, "Total", of.total, of.unprofiled, of="Total over unprofiled", goal=goal
        )
        yield Figure.of_ratio(
            case,
            "wall time",
            of.wall,
            of.unprofiled,
            of="a profiled run, with starting and stopping the recorder, over unprofiled",
            goal=None if short else goal,
        )
        yield Figure.of_samples(
            case,
            "in no row",
            [100 * share for share in ratios(of.outside, of.total)],
            unit="%",
            of="Total",
            goal=None if short else GOAL_OUTSIDE_PERCENT,
        )
        ratio = middle_mean(of.unprofiled) / middle_mean(found.evaluated)
        yield Figure(
            case=case,
            name="from time_evaluator",
            value=100 * abs(ratio - 1),
            unit="%",
            of="how far the unprofiled mean is from what vm.time_evaluator says",
            goal=GOAL_AGREEMENT_PERCENT,
        )


def figures(models: Sequence[str] = ALL, *, quick: bool = False) -> Iterator[Figure]:
    yield from empty_call(quick=quick)
    for name in models:
        yield from of_model(name, measured(name, quick=quick))


if __name__ == "__main__":
    alone(figures, __doc__, choice_of_models(ALL, ALL))
