"""Runs both engines in turn, in one process, and compares them."""

from __future__ import annotations

from collections.abc import Mapping

from vmprof.compare.validate.agreement import compare_engines
from vmprof.compare.validate.conclusion import Validation
from vmprof.defaults import ENGINES, TOLERANCE
from vmprof.drivers.engines import profile_engines
from vmprof.drivers.options import Profiling
from vmprof.drivers.outputs import first_difference
from vmprof.progress import Progress, silent
from vmprof.record.rounds.engines import Engine
from vmprof.subject.options import Subject


def validate(
    subject: Subject,
    profiling: Profiling,
    *,
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Validation:
    """Run ``subject`` by both engines and compare outputs, calls, and what each operator cost.

    ``tolerance`` is in percent. ``profiling.rounds`` should be at least
    :data:`vmprof.defaults.LEAST_REPEATS`, so many does it take to tell a difference from chance.
    """
    outputs = _Outputs()
    reports = profile_engines(
        subject, ENGINES, profiling, progress=progress, beforehand=outputs.compare
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
