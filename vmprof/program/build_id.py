"""The build ID of a library: what its linker made of its whole content, a few bytes long."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

# elf(5), of a 64-bit file in little-endian order.
_MAGIC = b"\x7fELF\x02\x01"
_HEADER, _SEGMENT = struct.Struct("<16x2xHL2Q8x6x2H"), struct.Struct("<2L4Q16x")
_NOTE, _NOTE_HEAD = 4, struct.Struct("<3L")
_GNU, _BUILD_ID = b"GNU\0", 3
# Of a damaged file no more is read.
_MOST_SEGMENTS, _MOST_NOTES = 256, 1 << 16
_CHUNK = 1 << 20


def identity(library: Path) -> str:
    """What tells ``library`` from others: its build ID and size, or a digest of all of it."""
    return build_id(library) or digest(library)


def digest(library: Path) -> str:
    """Of the whole file, which takes long for a large one."""
    found = hashlib.blake2b(digest_size=16)
    with library.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def build_id(library: Path) -> str | None:
    """The build ID and the size of the file, as text; None if it has no such ID.

    Whatever changes a library after it was linked (strip, patchelf) keeps the ID, and
    changes the size.
    """
    with library.open("rb") as file:
        head = file.read(_HEADER.size)
        if not head.startswith(_MAGIC) or len(head) < _HEADER.size:
            return None
        of_file = os.fstat(file.fileno()).st_size
        _, _, _, offset, size, number = _HEADER.unpack(head)
        if size != _SEGMENT.size or number > _MOST_SEGMENTS or offset > of_file:
            return None
        file.seek(offset)
        segments = file.read(size * number)
        if len(segments) < size * number:
            return None
        for kind, _, at, _, _, length in _SEGMENT.iter_unpack(segments):
            if kind != _NOTE or at > of_file:
                continue
            file.seek(at)
            for name, of, content in _notes(file.read(min(length, _MOST_NOTES))):
                if name == _GNU and of == _BUILD_ID and content:
                    return f"{content.hex()}, {of_file} bytes"
    return None


def _notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and content of each."""
    at = 0
    while at + _NOTE_HEAD.size <= len(data):
        name_size, size, kind = _NOTE_HEAD.unpack_from(data, at)
        name = at + _NOTE_HEAD.size
        content = name + (name_size + 3) // 4 * 4
        yield data[name : name + name_size], kind, data[content : content + size]
        at = content + (size + 3) // 4 * 4
