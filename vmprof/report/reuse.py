"""When the data that calls take were last used: how far away they can be by then.

The calls of a report come in the order of the run. A tensor that no call before has made is
a weight or an input: it was last used one run ago, and all that the run takes was touched
since.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from vmprof.report.aggregate import merge_key
from vmprof.report.kinds import calls_of, microseconds
from vmprof.report.model import Report
from vmprof.report.sizes import sizes_of
from vmprof.values import BYTES, INVOCATIONS, Count, Metric

Key = tuple[Metric | None, ...]

_TENSOR = re.compile(r"([a-z]+)(\d{0,4})\[([\d, ]*)\]")
_BITS = {"bool": 8}
# Builtins that look at shapes, or make tensors with nothing in them.
_TOUCH_NOTHING = tuple(
    f"vm.builtin.{name}"
    for name in ("alloc_", "check_", "make_", "match_", "null_value", "reshape", "shape_of")
)
# Calls of which nobody knows what they touch may take so much of the time, and no more.
_UNKNOWN_SHARE = 0.05


@dataclass(frozen=True)
class Data:
    """Bytes of one call: of tensors that are ``old``, last used a run ago, and of all it takes."""

    old: float
    whole: float


@dataclass(frozen=True)
class Reuse:
    """``data`` of the mean call of each operator; what is touched between two uses of old tensors.

    That is at least ``least``, which is 0 where nobody knows, and at most ``most``, which is
    then infinite.
    """

    data: Mapping[Key, Data]
    least: float
    most: float

    @classmethod
    def of(cls, report: Report) -> Reuse:
        # Rows that stand for several calls are in no order, nor are those of many invocations.
        in_order = INVOCATIONS not in report.configuration and all(
            calls_of(call) == 1 for call in report.calls
        )
        sums: dict[Key, tuple[int, float, float]] = {}
        made: set[tuple[str, int]] = set()
        unknown_us = 0.0
        for call in report.calls:
            if str(call.get("Name", "")).startswith(_TOUCH_NOTHING):
                continue
            tensors = _tensors(str(call.get("Argument Shapes", "")))
            count = call.get(BYTES)
            if not isinstance(count, Count):
                unknown_us += microseconds(call)
                made.update((kind, elements) for kind, elements, _ in tensors)
                continue
            old = 0.0
            # Else a part of a tensor is touched, and nobody knows of which.
            if in_order and sum(size for *_, size in tensors) <= count.value:
                *taken, _ = tensors or [("", 0, 0)]
                old = sum(size for kind, elements, size in taken if (kind, elements) not in made)
            made.update((kind, elements) for kind, elements, _ in tensors[-1:])
            calls, olds, wholes = sums.get(merge_key(call), (0, 0.0, 0.0))
            sums[merge_key(call)] = (calls + calls_of(call), olds + old, wholes + count.value)
        data = {
            key: Data(old / calls, whole / calls)
            for key, (calls, old, whole) in sums.items()
            if calls
        }
        least = sum(old for _, old, _ in sums.values())
        known = in_order and unknown_us <= _UNKNOWN_SHARE * sum(map(microseconds, report.calls))
        most = sum(whole for *_, whole in sums.values()) if known else math.inf
        return cls(data, least, most)


@lru_cache(maxsize=4096)
def _tensors(shapes: str) -> tuple[tuple[str, int, int], ...]:
    """The kind of elements, how many, and bytes of each tensor; none if one is not understood."""
    found = []
    for match in _TENSOR.finditer(shapes):
        name, bits, sizes = match.groups()
        width = int(bits or _BITS.get(name, 0))
        extents = sizes_of(sizes)
        if extents is None or width % 8 or not width:
            return ()
        elements = math.prod(extents)
        found.append((f"{name}{bits}", elements, elements * width // 8))
    return tuple(found) if len(found) == shapes.count("[") else ()
