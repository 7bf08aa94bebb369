"""Pointers of modules that LLVM compiled in memory.

LLVM's JIT keeps to itself where it put a variable. But it lays a module out in
one piece of anonymous memory, code and data side by side, and the code refers
to its variables: so that a variable is found by its value, and proven by a
reference to it. The same value elsewhere, in TVM's own tables for instance, has
no reference from code beside it.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vmprof.runs.work import Ints
from vmprof.sampling.memory import Mapping, mappings, own_memory, read

_CHUNK = 1 << 20  # bytes of memory that are searched at a time


def pointers_of_jit(values: Sequence[int]) -> list[int]:
    """The addresses of all variables of compiled modules that hold one of ``values``.

    They are those of now: a module may be gone at any time.
    """
    wanted = np.array(values, dtype=np.uint64)
    found: list[int] = []
    try:
        with own_memory("rb") as memory:
            for piece in _pieces_with_code(mappings()):
                for mapping in piece:
                    if mapping.permissions.startswith("rw-"):
                        candidates = list(_search(memory, mapping, wanted))
                        found += [c for c in candidates if _is_referred_to(memory, piece, c)]
    except OSError:  # not ours to read, or unmapped since
        pass
    return found


def _pieces_with_code(of_process: Sequence[Mapping]) -> list[list[Mapping]]:
    """Each uninterrupted run of anonymous memory that has code in it."""
    runs: list[list[Mapping]] = [[]]
    for mapping in of_process:
        if not mapping.is_anonymous:
            continue
        if runs[-1] and runs[-1][-1].end != mapping.begin:
            runs.append([])
        runs[-1].append(mapping)
    return [run for run in runs if any("x" in m.permissions for m in run)]


def _search(memory: Any, mapping: Mapping, values: Any) -> Iterator[int]:
    for begin in range(mapping.begin, mapping.end, _CHUNK):
        content = read(memory, begin, min(begin + _CHUNK, mapping.end))
        words = np.frombuffer(content, np.uint64, count=len(content) // 8)
        yield from (begin + 8 * np.flatnonzero(np.isin(words, values))).tolist()


def _is_referred_to(memory: Any, piece: Sequence[Mapping], address: int) -> bool:
    """Whether code in ``piece`` refers to ``address``, or its read-only data do."""
    absolute = address.to_bytes(8, sys.byteorder)
    for mapping in piece:
        if "w" in mapping.permissions or "r" not in mapping.permissions:
            continue
        content = read(memory, mapping.begin, mapping.end)
        if absolute in content:
            return True
        if "x" in mapping.permissions and (_targets(content, mapping.begin) == address).any():
            return True
        # An instruction of Arm has room for a page; the place in it is in the next one.
        page = address & ~0xFFF
        if "x" in mapping.permissions and (_pages(content, mapping.begin) == page).any():
            return True
    return False


def _targets(code: bytes, begin: int) -> Ints:
    """What x86-64 would refer to if its 32-bit displacement stood at any place of ``code``."""
    if platform.machine() != "x86_64":
        return np.zeros(0, dtype=np.int64)
    displacements = [
        np.frombuffer(code, "<i4", offset=phase, count=(len(code) - phase) // 4)
        for phase in range(4)
    ]
    return np.concatenate(
        [
            begin + phase + 4 * np.arange(len(each)) + 4 + each.astype(np.int64)
            for phase, each in enumerate(displacements)
        ]
    )


def _pages(code: bytes, begin: int) -> Ints:
    """The pages that the ADRP instructions in aarch64 ``code`` name."""
    if platform.machine() != "aarch64":
        return np.zeros(0, dtype=np.int64)
    words = np.frombuffer(code, "<u4").astype(np.int64)
    is_adrp = words & 0x9F000000 == 0x90000000
    low, high = words >> 29 & 3, words >> 5 & 0x7FFFF
    offset = high << 2 | low
    offset -= (offset >> 20) << 21  # 21 bits with a sign
    places = (begin + 4 * np.arange(len(words))) & ~0xFFF
    pages: Ints = (places + (offset << 12))[is_adrp]
    return pages
