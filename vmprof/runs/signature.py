"""A call's signature as text: ``float32[1, 784], int32[1]``, as TVM's table shows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vmprof.runs.work import Ints

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


def signature_text(words: Sequence[int], index: int = 0) -> str:
    """The signature at ``index`` of what the recorder wrote (native/api.h)."""
    tensors = []
    at = index + 1
    for _ in range(words[index]):
        packed, rank = int(words[at]), int(words[at + 1])
        dimensions = ", ".join(map(str, words[at + 2 : at + 2 + rank]))
        tensors.append(f"{dtype_name(packed)}[{dimensions}]")
        at += 2 + rank
    return ", ".join(tensors)


def signature_texts(words: Ints, indices: Ints) -> dict[int, str]:
    """The signatures at ``indices``, by index: most calls of a run have one of a few."""
    begins = np.unique(indices).tolist()
    content, numbers = words.tobytes(), words.tolist()
    size = words.itemsize
    texts: dict[int, str] = {}
    known: dict[bytes, str] = {}
    # What follows a signature up to the next may be more than its own, never less.
    for begin, end in pairwise([*begins, len(words)]):
        key = content[size * begin : size * end]
        if key not in known:
            known[key] = signature_text(numbers, begin)
        texts[begin] = known[key]
    return texts
