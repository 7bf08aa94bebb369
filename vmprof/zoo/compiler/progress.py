"""How far a compilation is: passes, and kernels as they are scheduled and become code."""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.ir.instrument import pass_instrument

from vmprof.progress import Step

# That TVM 0.27 runs one after the other, by schedule; what it compiles within one of them, to
# fold constants, runs many more. Of another version's the bar is a little off.
PASSES = {"cpu": 84, "none": 77}
# A pass of the pipeline is inside two: the pipeline, and the sequence that it consists of.
_PIPELINE_DEPTH = 2


@pass_instrument
class CompileProgress:
    """A pass instrument; :meth:`step` says how far the compilation with it is.

    ``passes`` are those that have ended; ``kernels`` is how many there are, as far as that is
    known yet, and ``scheduled`` how many of them vmprof's schedule has had its turn with.
    """

    def __init__(self, schedule: str) -> None:
        self.passes = 0
        self.kernels = 0
        self.scheduled = 0
        self._expected = PASSES[schedule]
        self._schedules = schedule == "cpu"
        self._running: list[str] = []
        self._done = 0.0

    def run_before_pass(self, module: Any, info: Any) -> None:
        """TVM's: called with the module as it is before a pass."""
        self._running.append(str(info.name).rpartition(".")[2])
        if len(self._running) == _PIPELINE_DEPTH + 1 and info.name == "ApplyDefaultSchedule":
            self.kernels = _kernels_in(module)

    def run_after_pass(self, module: Any, info: Any) -> None:
        """TVM's: called with the module as it is after a pass."""
        self._running.pop()
        if len(self._running) <= _PIPELINE_DEPTH:
            self.passes += 1
            if info.name == "AttachGlobalSymbol":  # the last that Relax functions take part in
                self.kernels = _kernels_in(module)

    def kernel_scheduled(self) -> None:
        self.scheduled += 1

    def step(self) -> Step:
        """In words, and as a part of all: of passes, kernels to schedule and to make code of."""
        turns = 1 + self._schedules
        done = (self.passes + self.scheduled) / (self._expected + turns * self.kernels)
        self._done = max(self._done, done)  # it is known late how many kernels there are
        return Step(self._text(), self._done)

    def _text(self) -> str:
        if self.passes >= self._expected:
            return f"code of {self.kernels} kernels"
        text = f"pass {self.passes + 1} of {self._expected}"
        if 0 < self.scheduled < self.kernels:
            return f"{text}, kernel {self.scheduled + 1} of {self.kernels}"
        running = self._running[_PIPELINE_DEPTH : _PIPELINE_DEPTH + 1]
        return f"{text} ({running[0]})" if running else text


def _kernels_in(module: Any) -> int:
    return sum(isinstance(function, tirx.PrimFunc) for function in module.functions.values())
