"""Signatures, which are the shapes of a call's tensors as text; several fold into ranges.

A signature is what TVM's table shows: ``float32[1, 784], int32[1]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from vmprof.report.sizes import sizes_of

_TENSOR = re.compile(r"([^\[\], ]+)\[([^\]]*)\]")


Parsed = tuple[tuple[str, tuple[int, ...]], ...]


@lru_cache(maxsize=1 << 16)
def parse(signature: str) -> Parsed:
    """Dtype and dimensions of each tensor; ``ValueError`` if there is one without."""
    found = []
    for dtype, dimensions in _TENSOR.findall(signature):
        sizes = sizes_of(dimensions)
        if sizes is None:
            raise ValueError(f"{dimensions[:40]!r} is no shape")
        found.append((dtype, sizes))
    return tuple(found)


def kind_of(signature: str) -> tuple[tuple[str, int], ...]:
    """Dtype and rank of each tensor; signatures of the same kind fold into ranges."""
    return tuple((dtype, len(dimensions)) for dtype, dimensions in parse(signature))


def ranges(signatures: Iterable[str]) -> str:
    """Fold signatures of the same kind into one: ``float32[1, 8, 17..80, 64]``."""
    parsed = [parse(signature) for signature in dict.fromkeys(signatures)]
    if not parsed:
        return ""
    tensors = []
    for number, (dtype, first) in enumerate(parsed[0]):
        axes = zip(*(each[number][1] for each in parsed), strict=True) if first else ()
        dimensions = [(min(axis), max(axis)) for axis in axes]
        shown = ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in dimensions)
        tensors.append(f"{dtype}[{shown}]")
    return ", ".join(tensors)
