"""The memory of this process: what is mapped, and what is in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, NamedTuple


class Mapping(NamedTuple):
    """A line of /proc/self/maps; ``path`` may be empty, or a name in brackets."""

    begin: int
    end: int
    permissions: str
    offset: int
    device: str
    inode: int
    path: str

    @property
    def has_code(self) -> bool:
        return "x" in self.permissions

    @property
    def is_anonymous(self) -> bool:
        """Whether it is of no file, and has no name such as [vdso]; ``[anon:NAME]`` is none."""
        return not self.inode and (not self.path or self.path.startswith("[anon"))


def mappings(maps: Path = Path("/proc/self/maps")) -> list[Mapping]:
    """The memory of this process."""
    found = []
    for line in maps.read_text().splitlines():
        addresses, permissions, offset, device, inode, *path = line.split(maxsplit=5)
        begin, end = (int(address, 16) for address in addresses.split("-"))
        found.append(
            Mapping(
                begin, end, permissions, int(offset, 16), device, int(inode), "".join(path).strip()
            )
        )
    return found


def own_memory(mode: str = "rb") -> IO[Any]:
    """The memory of this process as a file: what is not mapped is an error there."""
    return Path("/proc/self/mem").open(mode, buffering=0)


def read(memory: IO[Any], begin: int, end: int) -> bytes:
    """What lies there in ``memory``, which :func:`own_memory` opened."""
    return os.pread(memory.fileno(), end - begin, begin)
