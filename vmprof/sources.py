"""What a user may hand in -> Program."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.progress import Progress, silent

# Anything that load_program takes.
Source = Any


def load_program(
    source: Source, *, entry: str | None = None, progress: Progress = silent
) -> Program:
    """A program from a model's name, a library's path, or what TVM's compiler returned.

    ``source`` is the name of one of vmprof's models, the path of a library that
    ``export_library`` wrote, a ``tvm.runtime.Executable``, a ``Module`` with a
    Relax executable in it, or a :class:`Program`. A program that lacks the
    function ``entry``, if one is named, is refused; a model of vmprof's before
    it is compiled.
    """
    program = _load(source, entry, progress)
    if entry is not None:
        program.entry(entry)
    return program


def _load(source: Source, entry: str | None, progress: Progress) -> Program:
    if isinstance(source, Program):
        return source
    if isinstance(source, tvm.runtime.Executable):
        source = source.jit()
    if isinstance(source, tvm_ffi.Module):
        return Program.of_module(source, "the module")
    if isinstance(source, str | os.PathLike):
        return _load_named(os.fspath(source), entry, progress)
    raise VmprofError(
        f"cannot profile a {type(source).__name__}; hand in the path of a library, "
        "what tvm.compile() returned, or the name of a model"
    )


def _load_named(name: str, entry: str | None, progress: Progress) -> Program:
    path = Path(name)
    if path.suffix or os.sep in name:
        if path.is_file():
            return _load_file(path, progress)
        what = "is a folder" if path.is_dir() else "does not exist"
        raise VmprofError(f"{name} {what}; give a library that TVM's export_library() wrote")
    # The compiler half of TVM: to load a library takes no part in it, and goes without.
    from vmprof.models import ENTRY, MODELS, compile_model

    if name in MODELS:
        if entry not in (None, ENTRY):
            raise VmprofError(f"{name} has no function {entry!r}; it has: {ENTRY}")
        progress(f"compiling {name}")
        return Program.of_module(compile_model(name), name)
    if path.is_file():
        return _load_file(path, progress)
    raise VmprofError(
        f"there is no model {name!r}; there are: {', '.join(MODELS)} "
        "(or give the path of a library, model.so)"
    )


def _load_file(path: Path, progress: Progress) -> Program:
    progress(f"loading {path}")
    return Program.of_module(_load_library(path), path.name)


def _load_library(path: Path) -> tvm_ffi.Module:
    _check_whole(path)
    try:
        module: tvm_ffi.Module = tvm.runtime.load_module(str(path))
    except Exception as error:  # TVM raises what it likes, down to plain RuntimeError
        reason = str(error).strip().splitlines()[0]
        raise VmprofError(f"{path} is no library that TVM can load: {reason}") from error
    return module


def _check_whole(path: Path) -> None:
    """Refuse an ELF file that is cut short: the loader would die of a bus error on it.

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
        return  # whatever it is, TVM says so
    if len(head) == 64:
        (offset,) = struct.unpack_from("<Q", head, 0x28)
        entry_size, entries = struct.unpack_from("<HH", head, 0x3A)
        if offset + entry_size * entries <= size:
            return
    raise VmprofError(f"{path} is cut short: copy or export the library again")
