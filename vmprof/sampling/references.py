"""Which function of a library refers to an address, as machine code says it."""

from __future__ import annotations

import numpy as np

from vmprof.runs.work import Ints

_X86_64, _AARCH64 = "EM_X86_64", "EM_AARCH64"
# Between an ADRP and the instruction that adds the place in the page.
_MOST_BETWEEN = 8


def references(machine: str, code: bytes, begin: int, wanted: Ints) -> tuple[Ints, Ints]:
    """Addresses of instructions in ``code``, and which of the ``wanted`` addresses each refers to.

    ``code`` begins at the address ``begin``, and ``machine`` is ELF's name for the processor.
    What is data in it may look like an instruction.
    """
    if machine == _X86_64:
        places, targets = _x86_64(code, begin)
    elif machine == _AARCH64:
        places, targets = _aarch64(code, begin)
    else:
        places = targets = np.zeros(0, dtype=np.int64)
    found = np.isin(targets, wanted)
    return places[found], targets[found]


def _x86_64(code: bytes, begin: int) -> tuple[Ints, Ints]:
    """As if a displacement, behind which its instruction ends, stood at any place."""
    bytes_ = np.frombuffer(code, np.uint8)
    count = max(len(bytes_) - 3, 0)
    words = np.lib.stride_tricks.as_strided(bytes_, (count, 4), (1, 1)).copy().view("<i4")[:, 0]
    places = begin + np.arange(count)
    return places, places + 4 + words.astype(np.int64)


def _aarch64(code: bytes, begin: int) -> tuple[Ints, Ints]:
    """ADRP has the page; an ADD of the same register, soon behind it, the place in it."""
    words = np.frombuffer(code, "<u4", count=len(code) // 4).astype(np.int64)
    places = begin + 4 * np.arange(len(words))
    adrp = np.flatnonzero(words & 0x9F000000 == 0x90000000)
    offset = (words[adrp] >> 5 & 0x7FFFF) << 2 | words[adrp] >> 29 & 3
    offset -= (offset >> 20) << 21  # 21 bits with a sign
    pages = (places[adrp] & ~0xFFF) + (offset << 12)
    found_at, targets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for behind in range(1, _MOST_BETWEEN + 1):
        at = adrp + behind
        inside = at < len(words)
        add = words[np.where(inside, at, 0)]
        # ADD (immediate), 64 bits, not shifted, whose operand is the register of the page.
        is_add = inside & (add & 0xFFC00000 == 0x91000000) & (add >> 5 & 31 == words[adrp] & 31)
        found_at.append(places[adrp[is_add]])
        targets.append(pages[is_add] + (add[is_add] >> 10 & 0xFFF))
    return np.concatenate(found_at), np.concatenate(targets)
