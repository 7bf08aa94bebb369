"""Small programs for sessions to record, and what was recorded of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import tvm

from support.models import Branching, Closures, FunctionAsValue, Nested, calls_packed, dynamic
from vmprof.recording.tables import Recording

TvmVm = tvm.relax.VirtualMachine
X = np.arange(4, dtype="float32")


def tensor(value: Any = X) -> tvm.runtime.Tensor:
    return tvm.runtime.tensor(np.asarray(value))


@cache
def compiled(name: str) -> tvm.runtime.Executable:
    modules: dict[str, Callable[[], tvm.IRModule]] = {
        "nested": lambda: Nested,
        "branching": lambda: Branching,
        "closures": lambda: Closures,
        "function-as-value": lambda: FunctionAsValue,
        "dynamic": dynamic,
        "inner": lambda: calls_packed("test.session.inner"),
        "outer": lambda: calls_packed("test.session.outer"),
    }
    return tvm.compile(modules[name](), tvm.target.Target("llvm"))


def make(name: str) -> Any:
    return TvmVm(compiled(name), tvm.cpu())


def callees(recording: Recording, invocation: int) -> list[str]:
    """Names of the calls in one timed invocation, by its number."""
    rows = recording.calls[recording.calls["invocation"] == invocation]
    assert rows["callee"][0] == -1
    return [recording.callees[callee] for callee in rows["callee"][1:]]


def functions(recording: Recording) -> Counter[str]:
    """How often each function was invoked."""
    counts: Counter[str] = Counter()
    for row in recording.totals:
        counts[recording.functions[row["function"]].name] += int(row["invocations"])
    return counts
