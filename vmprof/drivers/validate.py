"""Runs both engines in turn, in one process, and compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmprof.compare.validate.agreement import compare_engines
from vmprof.compare.validate.conclusion import Validation
from vmprof.defaults import ENGINES, LEAST_REPEATS, TOLERANCE
from vmprof.drivers.outputs import first_difference
from vmprof.drivers.profile import profile_engines
from vmprof.inputs import Given
from vmprof.record.rounds.engines import Engine
from vmprof.record.rounds.schedule import Schedule
from vmprof.subject.load import Source


def validate_model(
    source: Source,
    inputs: Given | None = None,
    *,
    repeats: int | None = None,
    warmup: int = 1,
    single_pass: bool = False,
    cold: bool = False,
    schedule: str | None = None,
    tolerance: float = TOLERANCE,
    **options: Any,
) -> Validation:
    """Run ``source`` by both engines and compare outputs, calls, and what each operator cost.

    All but ``tolerance``, in percent, is as for :func:`vmprof.profile`, except that at
    least as many repeats are made as it takes to tell a difference from chance.
    """
    outputs = _Outputs()
    reports = profile_engines(
        source,
        inputs,
        engines=list(ENGINES),
        schedule=Schedule(repeats, warmup, single_pass, cold, at_least=LEAST_REPEATS),
        compile_schedule=schedule,
        beforehand=outputs.compare,
        **options,
    )
    agreement = compare_engines(reports, tolerance)
    return Validation(reports, agreement, outputs.difference, outputs.reproducible)


class _Outputs:
    """What the engines' outputs are beside that of TVM's VM."""

    def __init__(self) -> None:
        self.difference: str | None = None
        self.reproducible = True

    def compare(self, engines: Mapping[str, Engine]) -> None:
        expected = next(iter(engines.values())).unprofiled()
        for name, engine in engines.items():
            if first_difference(expected, engine.unprofiled()) is not None:
                self.reproducible = False
                self.difference = None
                return
            difference = first_difference(expected, engine.output())
            if difference is not None and self.difference is None:
                self.difference = f"of TVM's VM and of the engine {name}: {difference}"
