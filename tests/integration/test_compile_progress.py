"""How far a compilation is: what is told of it, against what it consists of."""

from __future__ import annotations

import pytest
from tvm.ir.instrument import pass_instrument

import vmprof
from vmprof.progress import Step
from vmprof.zoo.compiler import SCHEDULES, compile_module
from vmprof.zoo.compiler.progress import PASSES, CompileProgress
from vmprof.zoo.models import MODELS


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_all_passes_are_counted_and_each_kernel(
    schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Step] = []

    @pass_instrument
    class Watched(CompileProgress):  # type: ignore[misc]
        """Asked after each pass, as if each took long."""

        def run_after_pass(self, module: object, info: object) -> None:
            super().run_after_pass(module, info)
            steps.append(self.step())

        def kernel_scheduled(self) -> None:
            super().kernel_scheduled()
            steps.append(self.step())

    monkeypatch.setattr("vmprof.zoo.compiler.compile.CompileProgress", Watched)
    compiled = compile_module(MODELS["mlp"](), schedule=schedule)
    kernels = len(compiled.kernels)
    assert kernels > 1
    assert steps[-1] == f"code of {kernels} kernels"
    told = [str(step) for step in dict.fromkeys(steps)]
    passes = [int(text.split()[1]) for text in told if text.startswith("pass ")]
    assert passes == sorted(passes)
    assert set(range(2, PASSES[schedule] + 1)) <= set(passes)  # told when one is over
    scheduling = [text.rpartition(", ")[2] for text in told if ", kernel" in text]
    expected = [f"kernel {number} of {kernels}" for number in range(2, kernels + 1)]
    assert scheduling == (expected if schedule == "cpu" else [])
    parts = [step.done for step in steps]
    assert parts == sorted(parts)
    # What is left then is code of each kernel.
    units = PASSES[schedule] + (2 if schedule == "cpu" else 1) * kernels
    assert parts[-1] == pytest.approx(1 - kernels / units)


def test_compilation_tells_whoever_asks() -> None:
    told: list[str] = []
    compile_module(MODELS["mlp"](), progress=told.append)
    assert told[0] == "pass 1 of 77"
    told.clear()
    vmprof.load_program(MODELS["mlp"](), progress=told.append)
    assert told[:2] == ["compiling the module", "compiling the module: pass 1 of 77"]
