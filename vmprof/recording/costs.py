"""Operations and bytes of calls whose kernels are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vmprof.program.kernels import Cost, Kernel
from vmprof.recording.groups import Calls
from vmprof.recording.keys import Floats, Keys, by_invocation
from vmprof.recording.numbers import Ints, distinct_pairs
from vmprof.recording.shapes import parse
from vmprof.recording.tables import Recording
from vmprof.values import BYTES, FLOPS

UNKNOWN = (
    "nothing is known of what it calls but the names; compile the model with vmprof.compile, or "
    "with vmprof.KernelInfo beside tvm.compile, and load the library with what was saved beside "
    "it (docs/how-to/models.md)"
)


def costs_of(
    recording: Recording, calls: Calls, key: Ints, invocations: int, keys: Keys
) -> Mapping[str, Floats]:
    """FLOPs and bytes of each row of the report, by column; shape (invocations, keys).

    NaN where the cost of any of its calls is unknown. ``key`` is the report's row of each call.
    """
    pairs, which = distinct_pairs(calls.rows["callee"], calls.rows["signature"])
    of_pairs = np.array(
        [
            _numbers(recording.kernels.get(callee), recording.signatures[signature])
            for callee, signature in pairs.tolist()
        ]
    ).reshape(-1, 2)
    return {
        column: by_invocation(of_pairs[which, at], key, calls.owner, invocations, keys.count)
        for at, column in enumerate((FLOPS, BYTES))
    }


def _numbers(kernel: Kernel | None, signature: str) -> tuple[float, float]:
    if kernel is None:
        return np.nan, np.nan
    cost: Cost = kernel.cost([sizes for _, sizes in parse(signature)])
    flops = np.nan if cost.flops is None else float(cost.flops)
    if cost.bytes_read is None or cost.bytes_written is None:
        return flops, np.nan
    return flops, float(cost.bytes_read + cost.bytes_written)
