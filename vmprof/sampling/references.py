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


def references_in_memory(machine: str, code: bytes, begin: int, wanted: Ints) -> tuple[Ints, Ints]:
    """As :func:`references`, of ``code`` that is where it runs: it has whole addresses too.

    Only what is written as instructions that take the address of a function, or go there.
    """
    if machine == _X86_64:
        places, targets = _running_x86_64(code, begin)
    elif machine == _AARCH64:
        parts = (_aarch64(code, begin), _running_aarch64(code, begin))
        places, targets = (np.concatenate(each) for each in zip(*parts, strict=True))
    else:
        places = targets = np.zeros(0, dtype=np.int64)
    found = np.isin(targets, wanted)
    return places[found], targets[found]


def _running_x86_64(code: bytes, begin: int) -> tuple[Ints, Ints]:
    bytes_ = np.frombuffer(code + bytes(3), np.uint8)
    first, second, third = (bytes_[each : each + len(code)] for each in range(3))
    # MOV of 64 bits into a register; CALL and JMP; LEA of a place relative to the next instruction.
    move = (first & 0xFE == 0x48) & (second & 0xF8 == 0xB8)
    jump = first & 0xFE == 0xE8
    place = (first & 0xFB == 0x48) & (second == 0x8D) & (third & 0xC7 == 0x05)
    found = []
    for is_one, length, kind in ((move, 10, "<i8"), (jump, 5, "<i4"), (place, 7, "<i4")):
        at = np.flatnonzero(is_one)
        at = at[at + length <= len(code)]
        size = np.dtype(kind).itemsize
        number = bytes_[(at + length - size)[:, None] + np.arange(size)].view(kind)[:, 0]
        behind = 0 if is_one is move else begin + at + length
        found.append((begin + at, number.astype(np.int64) + behind))
    places, targets = (np.concatenate(each) for each in zip(*found, strict=True))
    return places, targets


def _running_aarch64(code: bytes, begin: int) -> tuple[Ints, Ints]:
    """A MOVZ and MOVKs of one register, one behind the other, have 16 bits each; or a BL."""
    words = np.frombuffer(code, "<u4", count=len(code) // 4).astype(np.int64)
    places = begin + 4 * np.arange(len(words))
    is_move = (words & 0xFF800000 == 0xD2800000) | (words & 0xFF800000 == 0xF2800000)
    starts = np.flatnonzero(words & 0xFF800000 == 0xD2800000)
    value = np.zeros(len(starts), np.int64)
    goes_on = np.ones(len(starts), dtype=bool)
    for behind in range(4):
        at = np.minimum(starts + behind, max(len(words) - 1, 0))
        goes_on &= (starts + behind < len(words)) & is_move[at]
        goes_on &= words[at] & 31 == words[starts] & 31
        shift = 16 * (words[at] >> 21 & 3)
        value |= np.where(goes_on, (words[at] >> 5 & 0xFFFF) << shift, 0)
    calls = np.flatnonzero(words & 0xFC000000 == 0x94000000)
    distance = words[calls] & 0x3FFFFFF
    distance -= (distance >> 25) << 26  # 26 bits with a sign
    return (
        np.concatenate([places[starts], places[calls]]),
        np.concatenate([value, places[calls] + 4 * distance]),
    )


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
