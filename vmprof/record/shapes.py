"""Shapes of a call's tensors as text, and several of them as ranges.

A signature is what TVM's table shows: ``float32[1, 784], int32[1]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

# DLPack's type codes (dlpack.h) whose names have the number of bits behind them.
_WITH_BITS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex"}
_FIXED = {
    3: "handle",
    7: "float8_e3m4",
    8: "float8_e4m3",
    9: "float8_e4m3b11fnuz",
    10: "float8_e4m3fn",
    11: "float8_e4m3fnuz",
    12: "float8_e5m2",
    13: "float8_e5m2fnuz",
    14: "float8_e8m0fnu",
    15: "float6_e2m3fn",
    16: "float6_e3m2fn",
    17: "float4_e2m1fn",
}
_BOOL, _HANDLE = 6, 3
_TENSOR = re.compile(r"([^\[\], ]+)\[([^\]]*)\]")


def dtype_name(packed: int) -> str:
    """The name that TVM has for a dtype: code | bits << 8 | lanes << 16."""
    code, bits, lanes = packed & 0xFF, packed >> 8 & 0xFF, packed >> 16 & 0xFFFF
    if code == _BOOL:
        name = "bool" if bits == 8 else f"bool{bits}"
    elif code in _WITH_BITS:
        name = f"{_WITH_BITS[code]}{bits}"
    else:
        name = _FIXED.get(code, f"dtype{code}_{bits}")
    return f"{name}x{lanes}" if lanes > 1 and code != _HANDLE else name


def signature_text(words: Sequence[int]) -> str:
    """A signature as the recorder writes it (native/api.h)."""
    tensors = []
    at = 1
    for _ in range(words[0]):
        packed, rank = words[at], words[at + 1]
        dimensions = ", ".join(map(str, words[at + 2 : at + 2 + rank]))
        tensors.append(f"{dtype_name(packed)}[{dimensions}]")
        at += 2 + rank
    return ", ".join(tensors)


Parsed = tuple[tuple[str, tuple[int, ...]], ...]


@lru_cache(maxsize=1 << 16)
def parse(signature: str) -> Parsed:
    """Dtype and dimensions of each tensor."""
    return tuple(
        (dtype, tuple(int(each) for each in dimensions.split(",") if each.strip()))
        for dtype, dimensions in _TENSOR.findall(signature)
    )


def kind_of(signature: str) -> tuple[tuple[str, int], ...]:
    """Dtype and rank of each tensor: shapes that have these in common fold into ranges."""
    return tuple((dtype, len(dimensions)) for dtype, dimensions in parse(signature))


def ranges(signatures: Iterable[str]) -> str:
    """Signatures of one kind as one: ``float32[1, 8, 17..80, 64]``."""
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
