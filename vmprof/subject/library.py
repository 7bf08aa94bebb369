"""Libraries that TVM's ``export_library`` wrote."""

from __future__ import annotations

import atexit
import os
import re
import struct
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.owned import temporary_folder
from vmprof.program.architecture import library_architecture, this_architecture
from vmprof.progress import Progress, Step, kept_up

# To load less takes no time that anybody notices.
_LARGE = 64 << 20
# TVM copies what it finds in a library: into a string, that into bytes, those into tensors.
_TIMES_IN_MEMORY = 4


def load_library(path: Path, name: str, progress: Progress) -> tvm_ffi.Module:
    """What is in the library at ``path``; ``progress`` hears of ``name``."""
    size = _whole_size(path)
    if size < _LARGE:
        progress(f"loading {name}")
        return _load(path)
    with kept_up(progress, _loading(f"loading {name}, {size / 1e6:,.0f} MB", size)):
        return _load(path)


def new_library(name: str) -> Path:
    """Where a library of what is called ``name`` can be made; it goes when this process ends."""
    return Path(tempfile.mkdtemp(dir=_folder()), f"{PurePath(name).name}.so")


def made_library(executable: Any, name: str) -> Path | None:
    """A library made of an ``executable``, which is there until this process ends.

    None where there is no C compiler to link it, or TVM can make none of it.
    """
    from tvm.support import cc

    from vmprof.zoo.compiler.packing import packing_options

    if cc.get_cc() is None:
        return None
    path = new_library(name)
    try:
        with packing_options(executable.mod) as options:
            executable.export_library(str(path), **options)
    except Exception:  # noqa: BLE001 # whatever the linker says: what is in memory runs as well
        return None
    return path


@cache
def _folder() -> Path:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(temporary_folder())


def _load(path: Path) -> tvm_ffi.Module:
    try:
        module: tvm_ffi.Module = tvm.runtime.load_module(str(path))
    except Exception as error:  # TVM raises what it likes, down to plain RuntimeError
        check_architecture(path, this_architecture())
        reason = str(error).strip().splitlines()[0]
        raise VmprofError(f"{path} is no library that TVM can load: {reason}") from error
    return module


def check_architecture(path: Path, wanted: str) -> None:
    """:class:`VmprofError` if the library at ``path`` is for processors of another kind."""
    found = library_architecture(path)
    if found not in (None, wanted):
        raise VmprofError(
            f"{path} is for processors of the kind {found}, and would run on one of the kind "
            f"{wanted}; hand in the model that it was compiled of, or run it on a computer of that "
            "kind (--rpc HOST:PORT)"
        )


def _loading(text: str, size: int) -> Callable[[], Step]:
    """How much is done, by how this process grows."""
    before, most = _in_memory(), 0

    def step() -> Step:
        nonlocal most
        most = max(most, _in_memory() - before)
        return Step(text, most / (_TIMES_IN_MEMORY * size))

    return step


def _in_memory() -> int:
    """How many bytes of memory this process has, files that are mapped included."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return 1024 * int(found[1]) if found else 0


def _whole_size(path: Path) -> int:
    """How many bytes; an ELF file that is cut short is refused: loading it ends in a bus error.

    The table of section headers, which linkers put last, must lie inside the
    file (elf(5): e_shoff, e_shentsize, e_shnum of a 64-bit file).
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
    if not head.startswith(b"\x7fELF\x02\x01"):
        return size  # whatever it is, TVM says so
    if len(head) == 64:
        (offset,) = struct.unpack_from("<Q", head, 0x28)
        entry_size, entries = struct.unpack_from("<HH", head, 0x3A)
        if offset + entry_size * entries <= size:
            return size
    raise VmprofError(f"{path} is cut short: copy or export the library again")
