"""Kinds of processors, as the names of targets and the heads of libraries tell them."""

from __future__ import annotations

import platform
import struct
from pathlib import Path

# elf(5): e_machine, little-endian files alone.
_HEAD = struct.Struct("<16x2xH")
_MAGIC, _LITTLE = b"\x7fELF", 1
_ELF_MACHINES = {3: "i686", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
# How triples begin, and what the kernel says.
_SPELLINGS = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "i586": "i686"}


def architecture_of(name: str) -> str:
    """Of a triple, or of what uname says: ``x86_64``, ``aarch64``, ``arm``, ..."""
    first = name.partition("-")[0]
    if first.startswith(("armv", "thumb")) and not first.startswith("arm64"):
        return "arm"
    return _SPELLINGS.get(first, first)


def this_architecture() -> str:
    """Of the machine that this runs on."""
    return architecture_of(platform.machine())


def library_architecture(path: Path) -> str | None:
    """Of the processors that the library at ``path`` is for; None if that cannot be told."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
    except OSError:
        return None
    if len(head) < _HEAD.size or not head.startswith(_MAGIC) or head[5] != _LITTLE:
        return None
    (machine,) = _HEAD.unpack(head)
    return _ELF_MACHINES.get(machine)
