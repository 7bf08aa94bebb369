"""Libraries as a linker writes them, without code."""

from __future__ import annotations

import struct


def note(name: bytes, kind: int, content: bytes) -> bytes:
    """An entry of a segment of notes, elf(5)."""
    padded = (each + bytes(-len(each) % 4) for each in (name, content))
    return struct.pack("<3L", len(name), len(content), kind) + b"".join(padded)


BUILD_ID = note(b"GNU\0", 3, bytes.fromhex("0123456789ab"))


def build_library(notes: bytes = BUILD_ID, rest: bytes = b"") -> bytes:
    """A 64-bit ELF file with one segment of ``notes`` behind its headers, then ``rest``."""
    identity = b"\x7fELF\x02\x01\x01"
    head = struct.pack("<16s2HL3QL6H", identity, 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<2L6Q", 4, 4, 120, 120, 120, len(notes), len(notes), 4)
    return head + segment + notes + rest
