"""Where functions lie that were compiled in memory: of the tables made for unwinding.

Whoever compiles in memory writes the .eh_frame section of each module beside its code, where
nothing else says how long a function is (LSB, Exception Frames).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

# Of a CIE: its number, the version, and how its FDEs are written, behind its length.
_MARK = b"\0\0\0\0\x01zR\0"
_LENGTH = 4
_IN_64_BITS = 0xFFFFFFFF  # of a section of more than 4 GiB
# Pointer encodings: how begin and size are written, and whether begin is relative to its place.
_WRITTEN = {0x1B: ("<iI", True), 0x1C: ("<qQ", True), 0x10: ("<qQ", True), 0x00: ("<QQ", False)}


class Piece(NamedTuple):
    """Memory from the address ``begin`` on."""

    begin: int
    content: bytes

    @property
    def end(self) -> int:
        return self.begin + len(self.content)


class Frame(NamedTuple):
    """A function: ``size`` bytes of code from the address ``begin`` on."""

    begin: int
    size: int


def tables(piece: Piece, code: Sequence[Piece]) -> list[list[Frame]]:
    """The functions of each table in ``piece``, in its order, which is that of the compiler.

    They lie in ``code``: what does not is no table, and what follows is none of it.
    """
    found = []
    position = 0
    while (mark := piece.content.find(_MARK, position)) >= 0:
        frames, position = _table(piece, mark - _LENGTH, code)
        if frames:
            found.append(frames)
        position = max(position, mark + 1)
    return found


def _table(piece: Piece, position: int, code: Sequence[Piece]) -> tuple[list[Frame], int]:
    """The table that begins with the CIE at ``position`` of ``piece``, and where it ends."""
    content = piece.content
    encodings: dict[int, int] = {}  # by where their CIE begins
    frames: list[Frame] = []
    while 0 <= position <= len(content) - 2 * _LENGTH:
        length, number = struct.unpack_from("<II", content, position)
        behind = position + _LENGTH + length
        if length in (0, _IN_64_BITS) or behind > len(content):
            break
        if number == 0:
            encoding = _encoding(content[position + _LENGTH : behind])
            if encoding not in _WRITTEN:
                break
            encodings[position] = encoding
        else:
            cie = position + _LENGTH - number
            if cie not in encodings:
                break
            frame = _frame(piece, position + 2 * _LENGTH, behind, encodings[cie])
            if frame is None or not _lies_in(frame, code):
                break
            frames.append(frame)
        position = behind
    return frames, position


def _encoding(cie: bytes) -> int:
    """How the FDEs of a CIE are written, whose length is cut off; -1 if it cannot be read."""
    if not cie.startswith(_MARK):
        return -1
    position = len(_MARK)
    try:
        for _ in ("code alignment", "data alignment"):
            while cie[position] & 0x80:
                position += 1
            position += 1
        # The register of the return address, how many bytes follow, and the first of them.
        return cie[position + 2]
    except IndexError:
        return -1


def _frame(piece: Piece, position: int, end: int, encoding: int) -> Frame | None:
    written, is_relative = _WRITTEN[encoding]
    if position + struct.calcsize(written) > end:
        return None
    begin, size = struct.unpack_from(written, piece.content, position)
    return Frame(begin + (piece.begin + position if is_relative else 0), size)


def _lies_in(frame: Frame, code: Sequence[Piece]) -> bool:
    return frame.size > 0 and any(
        each.begin <= frame.begin and frame.begin + frame.size <= each.end for each in code
    )
